use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::Activity;
use crate::Limits;
use crate::places::{Owner, Places};

/// The connections of a listener. A new one takes the place of one that is idle.
#[derive(Debug)]
pub(crate) struct Admission {
    open: Mutex<Places<Uuid, Arc<Activity>>>,
    freed: Notify,
    limits: Limits,
}

/// The place of a connection, free again when it is dropped.
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    id: Uuid,
    pub(crate) activity: Arc<Activity>,
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { open: Mutex::default(), freed: Notify::new(), limits }
    }

    /// Waits for a place. There is none for a client that has all that one may have, each with a request under way.
    pub(crate) async fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Admitted> {
        let owner = Owner::anonymous(peer);
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on none is missed.
            freed.as_mut().enable();
            {
                let mut open = self.lock();
                if open.count(&owner) >= self.limits.client_connections.max(1) {
                    let idle = open.first_to_go_of(&owner, |activity| activity.is_idle())?;
                    give_up(&mut open, idle);
                } else if open.len() >= self.limits.connections.max(1)
                    && let Some(idle) = open.first_to_go(|activity| activity.is_idle())
                {
                    give_up(&mut open, idle);
                }
                if open.len() < self.limits.connections.max(1) {
                    let (id, activity) = (Uuid::new_v4(), Arc::new(Activity::new(&self.limits)));
                    open.insert(owner, id, activity.clone());
                    return Some(Admitted { admission: self.clone(), id, activity });
                }
            }
            freed.await;
        }
    }

    /// Ends a connection that is idle, for its descriptor.
    pub(crate) fn give_up_one(&self) {
        let mut open = self.lock();
        if let Some(idle) = open.first_to_go(|activity| activity.is_idle()) {
            give_up(&mut open, idle);
        }
    }

    /// Each change of the map is one call, so there is nothing half done after a panic.
    fn lock(&self) -> MutexGuard<'_, Places<Uuid, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_up(open: &mut Places<Uuid, Arc<Activity>>, id: Uuid) {
    if let Some(activity) = open.remove(&id) {
        activity.give_up();
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.lock().remove(&self.id);
        self.admission.freed.notify_one();
    }
}
