//! Asking systemd over D-Bus.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use zbus::Message;
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Value};

use super::Unit;
use super::properties::properties;
use crate::plan::CgroupWrite;

/// How long systemd may take to answer, and to start a unit.
const TIMEOUT: Duration = Duration::from_secs(30);

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "/org/freedesktop/systemd1";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// Starts the unit and returns the path of its cgroup.
pub(super) fn start(unit: &Unit, writes: &[CgroupWrite], pid: i32) -> io::Result<String> {
    let pid = u32::try_from(pid).map_err(io::Error::other)?;
    let mut all = vec![
        ("Description", Value::from(unit.description.as_str())),
        ("Slice", unit.slice.as_str().into()),
        ("PIDs", vec![pid].into()),
        // The groups beneath belong to the container.
        ("Delegate", true.into()),
        ("DefaultDependencies", false.into()),
    ];
    // So that the files of the controllers are there.
    let accounting = ["CPUAccounting", "IOAccounting", "MemoryAccounting", "TasksAccounting"];
    all.extend(accounting.map(|name| (name, true.into())));
    all.extend(properties(writes));
    let none: Vec<(&str, Vec<(&str, Value<'_>)>)> = Vec::new();
    let bus = Bus::open(unit)?;
    bus.manager("StartTransientUnit", &(unit.name.as_str(), "fail", all, none)).map_err(failed)?;
    let end = Instant::now() + TIMEOUT;
    let mut pause = Duration::from_millis(1);
    loop {
        match bus.text(unit, "Unit", "ActiveState")?.as_deref() {
            Some("active") => break,
            Some("activating" | "inactive") if Instant::now() < end => sleep(pause),
            state => {
                let state = state.unwrap_or("gone");
                return Err(io::Error::other(format!("it is {state}, not active")));
            }
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    let path = bus.text(unit, "Scope", "ControlGroup")?;
    path.ok_or_else(|| io::Error::other("it has no cgroup"))
}

pub(super) fn update(unit: &Unit, writes: &[CgroupWrite]) -> io::Result<()> {
    let properties = properties(writes);
    if properties.is_empty() {
        return Ok(());
    }
    // Until the unit is stopped, and not in the configuration.
    let until_stopped = true;
    let body = (unit.name.as_str(), until_stopped, properties);
    Bus::open(unit)?.manager("SetUnitProperties", &body).map(drop).map_err(failed)
}

pub(super) fn stop(unit: &Unit) -> io::Result<()> {
    let bus = Bus::open(unit)?;
    // Another unit may have got the name since.
    if bus.text(unit, "Unit", "Description")?.as_deref() != Some(&unit.description) {
        return Ok(());
    }
    match bus.manager("StopUnit", &(unit.name.as_str(), "replace")) {
        Err(error) if !is_gone(&error) => return Err(failed(error)),
        _ => {}
    }
    // A unit whose processes were killed for memory has failed, and stays until this.
    let _ = bus.manager("ResetFailedUnit", &unit.name.as_str());
    Ok(())
}

struct Bus(Connection);

impl Bus {
    fn open(unit: &Unit) -> io::Result<Self> {
        let builder = if unit.is_user { Builder::session() } else { Builder::system() };
        let connected = builder.and_then(|builder| builder.method_timeout(TIMEOUT).build());
        connected.map(Self).map_err(failed)
    }

    fn manager<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        let interface = Some("org.freedesktop.systemd1.Manager");
        self.0.call_method(Some(SYSTEMD), MANAGER, interface, method, body)
    }

    /// A property of the unit that is a text. None: there is no such unit.
    fn text(&self, unit: &Unit, interface: &str, property: &str) -> io::Result<Option<String>> {
        let found = || -> zbus::Result<String> {
            let path = self.manager("GetUnit", &unit.name.as_str())?;
            let path: OwnedObjectPath = path.body().deserialize()?;
            let body = (format!("{SYSTEMD}.{interface}"), property);
            let properties = Some("org.freedesktop.DBus.Properties");
            let reply = self.0.call_method(Some(SYSTEMD), &path, properties, "Get", &body)?;
            let value: OwnedValue = reply.body().deserialize()?;
            Ok(value.try_into()?)
        };
        match found() {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(error: zbus::Error) -> io::Error {
    io::Error::other(error)
}

fn is_gone(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == NO_SUCH_UNIT)
}
