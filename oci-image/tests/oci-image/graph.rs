use std::collections::{BTreeMap, BTreeSet};
use std::io;

use oci_image::blob::{BlobSinkExt, BlobSourceExt, Memory};
use oci_image::graph::{Content, Error, Limits, Node, Order, Step, Walk};
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, Manifest, MediaType, Model};
use proptest::prelude::*;

/// Documents, each of which points to earlier ones alone, and a store that holds them.
#[derive(Debug)]
struct Graph {
    store: Memory,
    documents: Vec<Descriptor>,
}

/// How a document is made: whether it is an index, what it points to, whether it has a subject.
type Plan = (bool, Vec<usize>, Option<usize>);

impl Graph {
    fn new(plans: &[Plan]) -> Self {
        let mut graph = Self { store: Memory::new(), documents: Vec::new() };
        for (number, (is_index, children, subject)) in plans.iter().enumerate() {
            let document = |child: usize| graph.documents.get(child % (number + 1)).cloned();
            let blob = |child: usize| Descriptor::of("text/plain".into(), child.to_string());
            let children = children.iter().map(|child| document(*child).unwrap_or(blob(*child)));
            let subject = subject.and_then(document);
            let descriptor = if *is_index {
                let mut index = Index::new();
                index.manifests = children.collect();
                index.subject = subject;
                index.annotations.insert("number".into(), number.to_string());
                graph.put(index)
            } else {
                let mut manifest = Manifest::new(Descriptor::empty_json());
                manifest.layers = children.collect();
                manifest.subject = subject;
                manifest.annotations.insert("number".into(), number.to_string());
                graph.put(manifest)
            };
            graph.documents.push(descriptor);
        }
        graph
    }

    fn put<T: Model>(&self, document: T) -> Descriptor {
        let document = Document::new(document).unwrap();
        self.store.put(document.descriptor(), document.bytes()).unwrap();
        document.descriptor().clone()
    }

    fn root(&self) -> Descriptor {
        self.documents.last().unwrap().clone()
    }

    fn walk(&self, walk: Walk) -> io::Result<Vec<Node>> {
        walk.over(&self.store).collect()
    }

    /// What `node` points to, and whether as a document.
    fn below(&self, (digest, is_document): &(Digest, bool)) -> Vec<(Digest, bool)> {
        let descriptor = self.documents.iter().find(|it| it.digest == *digest);
        let Some(descriptor) = descriptor.filter(|_| *is_document) else { return Vec::new() };
        let document = self.store.any_document(descriptor).unwrap();
        let is_index = matches!(document, AnyDocument::Index(_));
        let children = document.children().into_iter();
        let children = children.map(|child| {
            (child.digest.clone(), is_index && child.media_type.is_manifest_or_index())
        });
        let subject = document.subject().map(|subject| (subject.digest.clone(), true));
        children.chain(subject).collect()
    }

    fn reachable(&self) -> BTreeSet<(Digest, bool)> {
        let mut todo = vec![(self.root().digest, true)];
        let mut reachable = BTreeSet::new();
        while let Some(place) = todo.pop() {
            if reachable.insert(place.clone()) {
                todo.extend(self.below(&place));
            }
        }
        reachable
    }
}

fn place(node: &Node) -> (Digest, bool) {
    (node.descriptor.digest.clone(), node.content != Content::Blob)
}

fn graphs() -> impl Strategy<Value = Graph> {
    let children = prop::collection::vec(0..20_usize, 0..6);
    let plan = (any::<bool>(), children, prop::option::of(0..20_usize));
    prop::collection::vec(plan, 1..12).prop_map(|plans| Graph::new(&plans))
}

proptest! {
    #[test]
    fn all_that_is_reached_is_visited_once(graph in graphs()) {
        for order in [Order::ParentsFirst, Order::ChildrenFirst] {
            let nodes = graph.walk(Walk::new([graph.root()]).order(order)).unwrap();
            let places: BTreeSet<_> = nodes.iter().map(place).collect();
            prop_assert_eq!(places.len(), nodes.len());
            prop_assert_eq!(places, graph.reachable());
        }
    }

    #[test]
    fn documents_stand_before_or_after_what_they_point_to(graph in graphs()) {
        let parents_first = graph.walk(Walk::new([graph.root()])).unwrap();
        prop_assert_eq!(&parents_first[0].descriptor, &graph.root());
        let mut named = BTreeSet::from([(graph.root().digest, true)]);
        for node in &parents_first {
            prop_assert!(named.contains(&place(node)));
            named.extend(graph.below(&place(node)));
        }
        let children_first = Walk::new([graph.root()]).order(Order::ChildrenFirst);
        let mut visited = BTreeSet::new();
        for node in graph.walk(children_first).unwrap() {
            prop_assert!(graph.below(&place(&node)).iter().all(|below| visited.contains(below)));
            visited.insert(place(&node));
        }
    }

    #[test]
    fn limits_hold_to_the_last_document_and_byte(graph in graphs()) {
        let nodes = graph.walk(Walk::new([graph.root()])).unwrap();
        let documents: Vec<_> = nodes.iter().filter_map(Node::document).collect();
        let mut limits = Limits::default();
        limits.documents = documents.len();
        limits.bytes = documents.iter().map(|it| it.bytes().len() as u64).sum();
        limits.depth = 1 + nodes.iter().filter(|it| it.document().is_some()).map(|it| it.depth).max().unwrap();
        prop_assert!(graph.walk(Walk::new([graph.root()]).limits(limits)).is_ok());
        let over = |change: fn(&mut Limits)| {
            let mut limits = limits;
            change(&mut limits);
            let error = graph.walk(Walk::new([graph.root()]).limits(limits)).unwrap_err();
            error.get_ref().and_then(|error| error.downcast_ref::<Error>()).cloned()
        };
        let one_less = over(|limits| limits.documents -= 1);
        prop_assert!(matches!(one_less, Some(Error::TooManyDocuments { .. })), "{one_less:?}");
        let one_less = over(|limits| limits.bytes -= 1);
        prop_assert!(matches!(one_less, Some(Error::TooManyBytes { .. })), "{one_less:?}");
        let one_less = over(|limits| limits.depth -= 1);
        prop_assert!(matches!(one_less, Some(Error::TooDeep { .. })), "{one_less:?}");
    }
}

#[test]
fn a_walk_ends_where_it_is_over_a_limit() {
    let graph =
        Graph::new(&[(false, vec![], None), (true, vec![], None), (true, vec![0, 1], None)]);
    let mut limits = Limits::default();
    limits.documents = 1;
    let mut walk = Walk::new([graph.root()]).limits(limits);
    assert_eq!(walk.next_step(), Ok(Some(Step::Read(graph.root()))));
    walk.found(graph.store.any_document(&graph.root()).unwrap()).unwrap();
    assert!(matches!(walk.next_step(), Ok(Some(Step::Visit(_)))));
    let digest = graph.documents[0].digest.clone();
    assert_eq!(walk.next_step(), Err(Error::TooManyDocuments { digest, limit: 1 }));
    assert_eq!(walk.next_step(), Ok(None));
}

#[test]
fn a_layer_hides_nothing_below_the_manifest_that_it_names() {
    let manifest = (false, vec![30], None);
    let naming_it_as_a_layer = (false, vec![0], None);
    let graph = Graph::new(&[manifest, naming_it_as_a_layer, (true, vec![1, 0], None)]);
    for order in [Order::ParentsFirst, Order::ChildrenFirst] {
        let nodes = graph.walk(Walk::new([graph.root()]).order(order)).unwrap();
        let of_first = nodes.iter().filter(|it| it.descriptor.digest == graph.documents[0].digest);
        let mut contents: Vec<_> = of_first.map(|it| it.content != Content::Blob).collect();
        contents.sort();
        assert_eq!(contents, [false, true]);
        let layer = Descriptor::of("text/plain".into(), "30");
        assert!(nodes.iter().any(|node| node.descriptor == layer));
    }
}

#[test]
fn subjects_are_left_out_if_that_is_asked() {
    let graph = Graph::new(&[(false, vec![], None), (false, vec![], Some(0))]);
    let visited = |walk: Walk| {
        let nodes = graph.walk(walk).unwrap();
        let documents = nodes.into_iter().filter(|node| node.document().is_some());
        documents.map(|node| node.descriptor).collect::<Vec<_>>()
    };
    let (subject, referrer) = (graph.documents[0].clone(), graph.root());
    assert_eq!(visited(Walk::new([graph.root()])), [referrer.clone(), subject.clone()]);
    let children_first = Walk::new([graph.root()]).order(Order::ChildrenFirst);
    assert_eq!(visited(children_first), [subject, referrer.clone()]);
    assert_eq!(visited(Walk::new([graph.root()]).without_subjects()), [referrer]);
}

#[test]
fn referrers_are_asked_for_and_visited_after_their_subject() {
    let plans = [
        (false, vec![], None),
        (true, vec![0], None),
        (false, vec![], Some(0)),
        (false, vec![], Some(2)),
        (false, vec![], Some(1)),
    ];
    let graph = Graph::new(&plans);
    let [image, index, signature, of_signature, list] = [0, 1, 2, 3, 4];
    let listed = BTreeMap::from([
        (graph.documents[image].digest.clone(), vec![graph.documents[signature].clone()]),
        (graph.documents[index].digest.clone(), vec![graph.documents[list].clone()]),
        (graph.documents[signature].digest.clone(), vec![graph.documents[of_signature].clone()]),
    ]);
    for (order, expected) in [
        (Order::ParentsFirst, [index, image, signature, of_signature, list]),
        (Order::ChildrenFirst, [image, signature, of_signature, index, list]),
    ] {
        let mut walk = Walk::new([graph.documents[index].clone()]).order(order).with_referrers();
        let mut visited = Vec::new();
        while let Some(step) = walk.next_step().unwrap() {
            match step {
                Step::Read(it) => walk.found(graph.store.any_document(&it).unwrap()).unwrap(),
                Step::ListReferrers(it) => {
                    walk.referrers(listed.get(&it.digest).into_iter().flatten().cloned());
                }
                Step::Visit(node) if node.document().is_some() => visited.push(node.descriptor),
                Step::Visit(_) => {}
            }
        }
        let expected = expected.map(|number: usize| graph.documents[number].clone());
        assert_eq!(visited, expected, "{order:?}");
    }
}

#[test]
fn a_question_is_repeated_until_it_is_answered_by_what_was_requested() {
    let graph = Graph::new(&[(false, vec![], None), (true, vec![0], None)]);
    let document = |number: usize| graph.store.any_document(&graph.documents[number]).unwrap();
    let mut walk = Walk::new([graph.root()]);
    let not_asked = Error::NotAsked { digest: graph.documents[0].digest.clone() };
    assert_eq!(walk.found(document(0)), Err(not_asked.clone()));
    for _ in 0..2 {
        assert_eq!(walk.next_step(), Ok(Some(Step::Read(graph.root()))));
        walk.referrers([graph.documents[0].clone()]);
        assert_eq!(walk.found(document(0)), Err(not_asked.clone()));
    }
    walk.found(document(1)).unwrap();
    let Ok(Some(Step::Visit(node))) = walk.next_step() else { panic!("the root is visited") };
    assert_eq!((node.descriptor, node.depth), (graph.root(), 0));
    assert_eq!(walk.next_step(), Ok(Some(Step::Read(graph.documents[0].clone()))));
    walk.missing();
    walk.missing();
    let Ok(Some(Step::Visit(node))) = walk.next_step() else { panic!("it is said to be missing") };
    assert!(node.is_missing() && node.depth == 1);
    assert_eq!(walk.next_step(), Ok(None));
}

#[test]
fn a_source_need_not_have_all_documents_but_those_that_it_has_must_be_right() {
    let absent = Descriptor::of(MediaType::IMAGE_MANIFEST, "absent");
    let mut index = Index::new();
    index.manifests.push(absent.clone());
    let graph = Graph::new(&[]);
    let root = graph.put(index);
    let nodes: Vec<_> = graph.store.walk(&root).map(Result::unwrap).collect();
    assert_eq!(nodes.len(), 2);
    assert!(nodes[1].is_missing() && nodes[1].descriptor == absent);

    let wrong = Descriptor::of(MediaType::IMAGE_MANIFEST, "{}");
    graph.store.put(&wrong, b"{}").unwrap();
    let mut nodes = graph.store.walk(&wrong);
    let error = nodes.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(error.to_string(), format!("cannot read document `{}`", wrong.digest));
    assert!(nodes.next().is_none());
}
