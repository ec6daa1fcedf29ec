//! A history that does not count its layers, in whatever is edited.

use oci_image::build::{Builder, Image, Layer, rebase};
use oci_image::{Document, History, Level, Lint};

use super::{amd64, commands, image, layer};

fn step(command: &str, empty_layer: Option<bool>) -> History {
    let mut step = History::new();
    step.created_by = (!command.is_empty()).then(|| command.to_owned());
    step.empty_layer = empty_layer;
    step
}

/// An image with these layers and this history, as a foreign tool may have made it.
fn with_history(layers: &[&str], history: &[History]) -> Image {
    let image = image(layers);
    let config = image.config().edit(|config| config.history = history.to_vec()).unwrap();
    let manifest = image.manifest().edit(|manifest| {
        manifest.config.digest = config.descriptor().digest.clone();
        manifest.config.size = config.descriptor().size;
    });
    Image::new(manifest.unwrap(), config).unwrap()
}

/// Each step: its command, and a `-` where it has no layer.
fn told(image: &Image) -> Vec<String> {
    let dash = |step: &History| if step.empty_layer == Some(true) { "-" } else { "" };
    let steps = image.config().history.iter().zip(commands(image));
    steps.map(|(step, command)| format!("{}{command}", dash(step))).collect()
}

fn check(image: &Image, expected: &[&str]) {
    assert_eq!(told(image), expected);
    let errors = image.config().lint().into_iter().filter(|it| it.level == Level::Error);
    assert_eq!(errors.collect::<Vec<_>>(), []);
    assert_eq!(image.manifest().lint_with(image.config()), []);
    // What an edit gives, every edit takes.
    let again = Builder::from(image).label("again", "1").layer(layer("more")).build().unwrap();
    assert_eq!(told(&again)[..expected.len()], *expected);
    assert_eq!(again.layers().last(), Some(&layer("more")));
}

/// Histories of two layers, and what they are once they count.
fn histories() -> Vec<(Vec<History>, Vec<&'static str>)> {
    let with = |command| step(command, None);
    let without = |command| step(command, Some(true));
    vec![
        (vec![with("a"), with("b")], vec!["a", "b"]),
        (vec![without("env"), with("a"), step("b", Some(false))], vec!["-env", "a", "b"]),
        (vec![with("a")], vec!["a", ""]),
        (vec![without("env")], vec!["-env", "", ""]),
        (vec![with("a"), with("b"), with("c")], vec!["a", "b", "-c"]),
        (
            vec![with("a"), without("env"), with("b"), with("c"), without("cmd"), with("d")],
            vec!["a", "-env", "b", "-c", "-cmd", "-d"],
        ),
    ]
}

#[test]
fn every_edit_makes_the_history_count_the_layers() {
    for (history, settled) in histories() {
        let base = with_history(&["a", "b"], &history);
        check(&Builder::from(&base).label("a", "b").build().unwrap(), &settled);
        check(&Builder::from(&base).build().unwrap(), &settled);
        let mut expected = settled.clone();
        expected.push("add c");
        check(&Builder::from(&base).layer(layer("c")).build().unwrap(), &expected);
        expected.insert(settled.len(), "-note");
        let stepped = Builder::from(&base).step(step("note", None)).layer(layer("c"));
        check(&stepped.build().unwrap(), &expected);
        check(&base.flatten(layer("all")).unwrap(), &["add all"]);
        check(&base.with_layers(|_| Some(layer("new"))).unwrap(), &settled);
    }
}

#[test]
fn an_image_without_history_gets_none_before_there_is_something_to_say() {
    let base = with_history(&["a", "b"], &[]);
    check(&Builder::from(&base).label("a", "b").build().unwrap(), &[]);
    check(&Builder::from(&base).layer(layer("c")).build().unwrap(), &["", "", "add c"]);
    let moved = rebase(&base, &with_history(&["a"], &[]), &with_history(&["x", "y"], &[]));
    check(&moved.unwrap(), &[]);
}

#[test]
fn a_rebased_image_has_a_step_for_each_layer() {
    for (old_history, _) in histories() {
        let old = with_history(&["a", "b"], &old_history);
        let app = Builder::from(&old).layer(layer("app")).build().unwrap();
        for (new_history, settled) in histories() {
            let new = with_history(&["x", "y"], &new_history);
            let mut expected = settled;
            expected.push("add app");
            check(&rebase(&app, &old, &new).unwrap(), &expected);
        }
        check(&rebase(&app, &old, &with_history(&["x"], &[])).unwrap(), &["", "add app"]);
    }
}

#[test]
fn a_rebased_image_whose_own_steps_do_not_count_gets_its_layers_counted() {
    let old = with_history(&["a"], &[step("a", None)]);
    let new = image(&["x"]);
    for (history, expected) in [
        (vec![], vec!["add x", ""]),
        (vec![step("a", None)], vec!["add x", ""]),
        (
            vec![step("a", None), step("app", None), step("more", None)],
            vec!["add x", "app", "-more"],
        ),
        (vec![step("other", None), step("app", None)], vec!["add x", "app"]),
    ] {
        let app = with_history(&["a", "app"], &history);
        check(&rebase(&app, &old, &new).unwrap(), &expected);
    }
}

#[test]
fn steps_of_a_base_without_history_are_not_taken_for_those_of_the_image() {
    let old = with_history(&["a"], &[]);
    let app = with_history(&["a", "app"], &[step("a", None), step("app", None)]);
    check(&rebase(&app, &old, &image(&["x"])).unwrap(), &["add x", "app"]);
}

#[test]
fn the_step_of_a_layer_has_a_layer_whatever_it_says() {
    let lying = Layer::history(layer("a"), step("a", Some(true)));
    let built = Builder::new(&amd64()).layer(lying.clone()).build().unwrap();
    check(&built, &["a"]);
    check(&image(&["a"]).flatten(lying).unwrap(), &["a"]);
}

#[test]
fn steps_that_were_pushed_by_hand_are_made_to_count() {
    let builder = Builder::new(&amd64()).layer(layer("a"));
    let edited = builder.edit_config(|config| config.history.push(step("b", None)));
    check(&edited.build().unwrap(), &["add a", "-b"]);
    let document = Document::clone(image(&["a"]).config());
    assert_eq!(document.lint(), []);
}
