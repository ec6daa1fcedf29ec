use oci_image::Platform;
use proptest::prelude::*;

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

// covers: IMG-IDX-09, IMG-IDX-10, IMG-IDX-13
#[test]
fn a_machine_runs_what_containerd_says_it_runs() {
    for (machine, runs, runs_not) in [
        (
            "linux/amd64",
            "linux/amd64 linux/amd64/v1 linux/386",
            "linux/amd64/v2 linux/arm/v7 linux/arm64 windows/amd64",
        ),
        (
            "linux/amd64/v3",
            "linux/amd64/v3 linux/amd64/v2 linux/amd64/v1 linux/amd64 linux/386",
            "linux/amd64/v4 linux/arm64",
        ),
        ("linux/386", "linux/386 linux/i386", "linux/amd64 linux/arm64"),
        (
            "linux/arm/v8",
            "linux/arm linux/arm/v5 linux/arm/v6 linux/arm/v7 linux/arm/v8",
            "linux/arm/v4 linux/arm64 windows/arm",
        ),
        (
            "linux/arm",
            "linux/arm linux/armhf linux/arm/v7 linux/arm/v6 linux/arm/v5",
            "linux/arm/v8",
        ),
        ("linux/arm/v6", "linux/arm/v6 linux/armel linux/arm/v5", "linux/arm linux/arm/v4"),
        ("linux/arm/v4", "linux/arm/v4", "linux/arm/v5 linux/arm"),
        (
            "linux/arm64/v9",
            "linux/arm64/v9 linux/arm64/v9.0 linux/arm64/v8.5 linux/arm64/v8.1 linux/arm64/v8 linux/arm64 \
          linux/arm/v8 linux/arm linux/arm/v5",
            "linux/arm64/v9.1 linux/arm64/v8.6 linux/arm/v4 linux/amd64",
        ),
        (
            "linux/arm64/v9.2",
            "linux/arm64/v9.1 linux/arm64/v9 linux/arm64/v8.7",
            "linux/arm64/v8.8",
        ),
        (
            "linux/arm64/v8.1",
            "linux/arm64/v8.1 linux/arm64 linux/arm/v8",
            "linux/arm64/v8.2 linux/arm64/v9 linux/arm/v9",
        ),
        ("linux/arm64", "linux/arm64/v8 linux/aarch64 linux/arm/v7", "linux/arm64/v9 linux/arm/v4"),
        ("linux/riscv64", "linux/riscv64 Linux/RISCV64", "linux/riscv"),
        ("macos/arm64", "darwin/arm64 macOS/aarch64", "linux/arm64"),
    ] {
        let machine = platform(machine);
        for image in runs.split_whitespace() {
            assert!(machine.rank(&platform(image)).is_some(), "{machine} runs {image}");
        }
        for image in runs_not.split_whitespace() {
            assert_eq!(machine.rank(&platform(image)), None, "{machine} runs {image}");
        }
        assert!(
            machine.matches(&machine.normalized()) && machine.rank(&machine).unwrap().is_exact()
        );
    }
}

// covers: IMG-IDX-13
#[test]
fn what_fits_better_ranks_better() {
    let machine = platform("linux/arm64/v9");
    let order = ["arm64/v9", "arm64/v8.5", "arm64/v8.1", "arm64/v8", "arm/v8", "arm/v7", "arm/v5"];
    let ranks: Vec<_> = order
        .iter()
        .map(|image| machine.rank(&platform(&format!("linux/{image}"))).unwrap())
        .collect();
    assert!(ranks.is_sorted_by(|one, two| one < two), "{ranks:?}");
    assert!(!platform("linux/amd64").matches(&platform("linux/386")));
}

// covers: IMG-IDX-12
#[test]
fn features_that_an_image_needs_must_be_there() {
    let machine = platform("windows(+win32k+b)/amd64");
    assert!(machine.rank(&platform("windows/amd64")).is_some());
    assert!(machine.rank(&platform("windows(+b+win32k)/amd64")).is_some());
    assert_eq!(machine.rank(&platform("windows(+a)/amd64")), None);
}

// covers: IMG-IDX-11
#[test]
fn windows_versions_are_compared_as_windows_does() {
    for (machine, image, runs) in [
        ("10.0.17763.1", "10.0.17763.999", true),
        ("10.0.17763", "10.0.19041", false),
        ("10.0.20348", "10.0.20348", true),
        ("10.0.22621", "10.0.20348.5", true),
        ("10.0.22621", "10.0.17763", false),
        ("10.0.20348", "10.0.22621", false),
        ("10.0.22621", "11.0.22621", false),
        ("10.0.22621", "nonsense", false),
        ("nonsense", "10.0.17763", true),
    ] {
        let rank = platform(&format!("windows({machine})/amd64"))
            .rank(&platform(&format!("windows({image})/amd64")));
        assert_eq!(rank.is_some(), runs, "{machine} {image}");
    }
    assert!(platform("linux(5.1.0)/amd64").rank(&platform("linux(9.9.9)/amd64")).is_some());
}

// covers: IMG-IDX-13
#[test]
fn of_windows_versions_the_newest_that_runs_is_the_best() {
    let machine = platform("windows(10.0.26100.5)/amd64");
    let order = [
        "windows(10.0.26100.9)",
        "windows(10.0.26100.1)",
        "windows(10.0.26100)",
        "windows(10.0.25398.7)",
        "windows(10.0.20348.999)",
        "windows(10.0.20348.1)",
        "windows",
    ];
    let rank = |machine: &Platform, os| machine.rank(&platform(&format!("{os}/amd64"))).unwrap();
    let ranks = order.map(|os| rank(&machine, os));
    assert!(ranks.is_sorted_by(|one, two| one < two), "{ranks:?}");
    for unknown in ["windows/amd64", "windows(nonsense)/amd64"] {
        let ranks = order.map(|os| rank(&platform(unknown), os));
        assert!(ranks.iter().all(|rank| *rank == ranks[0]), "{ranks:?}");
    }
}

#[test]
fn specifiers_parse_and_print() {
    for (text, printed) in [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("Linux/aarch64", "linux/arm64"),
        ("linux/aarch64/8", "linux/arm64/v8"),
        ("linux/arm", "linux/arm"),
        ("linux/armhf", "linux/arm"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/x86_64/v1", "linux/amd64"),
        ("macOS/arm64", "darwin/arm64"),
        ("windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"),
        ("windows(a%2Bb%29+c%2fd)/amd64", "windows(a%2Bb%29+c%2Fd)/amd64"),
        ("plan10/cray/v1", "plan10/cray/v1"),
    ] {
        assert_eq!(platform(text).to_string(), printed, "{text}");
        assert_eq!(platform(printed), platform(text));
    }
    let host = Platform::host();
    assert_eq!(platform(host.os.as_str()).architecture, host.architecture);
    assert_eq!(platform("s390x").to_string(), format!("{}/s390x", host.os));
    assert!(host.rank(&host).unwrap().is_exact());
}

#[test]
fn what_is_not_a_specifier_is_refused() {
    for text in [
        "",
        "/",
        "linux/",
        "/amd64",
        "linux//v8",
        "linux/arm64/v8/x",
        "unheard",
        "linux/am d64",
        "*/amd64",
        "windows(1/amd64",
        "windows)1(/amd64",
        "windows(1)x/amd64",
        "windows(%)/a",
        "windows(%4)/a",
        "windows(%zz)/a",
        "windows(%ff)/a",
        "windows(a++b)/a",
        "windows((a))/a",
        "amd64(1)",
        "linux(/)/a",
    ] {
        assert!(text.parse::<Platform>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn parsing_undoes_printing(os in "[a-z0-9_-]{1,9}", version in "\\PC{0,9}", features in prop::collection::vec("\\PC{1,9}", 0..3), architecture in "[a-z0-9_.-]{1,9}", variant in "([a-z0-9]{1,4})?") {
        let mut made = Platform::new(architecture.into(), os.into());
        made.os_version = (!version.is_empty()).then_some(version);
        made.os_features = features;
        made.variant = (!variant.is_empty()).then_some(variant);
        let read: Platform = made.to_string().parse().unwrap();
        prop_assert_eq!(read.normalized(), made.normalized());
        prop_assert_eq!(read.to_string().parse::<Platform>(), Ok(read));
    }

    #[test]
    fn normalizing_twice_is_normalizing_once(text in "[a-zA-Z0-9_]{1,6}/(arm|arm64|amd64|x86_64|[a-z0-9]{1,6})(/v?[0-9](\\.[0-9])?)?") {
        let once = platform(&text).normalized();
        prop_assert_eq!(once.normalized(), once.clone());
        prop_assert!(once.rank(&platform(&text)).unwrap().is_exact());
    }
}
