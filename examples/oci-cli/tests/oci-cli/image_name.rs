use oci_cli::image_name::ImageName;

#[test]
fn names_print_as_they_were_read() {
    for text in [
        "docker://localhost:5000/a/b:v1",
        "docker://docker.io/library/debian:latest",
        "oci:/tmp/layout",
        "oci:layout:v1",
        "oci-archive:image.tar:a/b:c",
        "docker-archive:image.tar",
        "docker-archive:image.tar:localhost:5000/a/b:c",
    ] {
        assert_eq!(text.parse::<ImageName>().unwrap().to_string(), text);
    }
}

#[test]
fn all_after_the_file_is_the_name_in_a_docker_archive() {
    let name: ImageName = "docker-archive:./image.tar:localhost:5000/a/b:c".parse().unwrap();
    let (path, image) = ("./image.tar".into(), "localhost:5000/a/b:c".to_owned());
    assert_eq!(name, ImageName::DockerArchive { path, name: Some(image) });
}

#[test]
fn a_registry_name_without_tag_means_latest() {
    let name: ImageName = "docker://debian".parse().unwrap();
    assert_eq!(name.to_string(), "docker://docker.io/library/debian:latest");
}

#[test]
fn other_transports_are_refused() {
    for text in ["debian", "docker-daemon:debian", "docker:debian", "docker://UPPER/a b"] {
        assert!(text.parse::<ImageName>().is_err(), "{text}");
    }
}

#[test]
fn a_directory_has_one_image_and_any_path() {
    let name: ImageName = "dir:/srv/app:1.0".parse().unwrap();
    assert_eq!(name, ImageName::Directory { path: "/srv/app:1.0".into() });
    assert_eq!(name.to_string(), "dir:/srv/app:1.0");
}
