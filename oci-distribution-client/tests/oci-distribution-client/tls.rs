//! Settings of TLS: each server's own, and nobody else's.

use oci_distribution_client::{Client, Config, Error, ErrorKind, Tls};
use oci_registry::Fault;

use crate::fixture::{Fixture, chain, quick};
use crate::secure::{Authority, Clients, Pair, Secure, der};

const HOSTS: &[&str] = &["localhost", "127.0.0.1"];

async fn check(config: &Config, host: &str) -> Result<(), Error> {
    Client::new(config.clone().retry(quick())).unwrap().check(host).await
}

/// Expects that the server is not trusted, and gives the text.
async fn refused(config: &Config, host: &str) -> String {
    let error = check(config, host).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
    chain(&error)
}

#[tokio::test]
async fn each_server_is_spoken_to_by_its_own_settings() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let first = Secure::start(&one.issue("server", HOSTS), Clients::All).await;
    let second = Secure::start(&other.issue("server", HOSTS), Clients::All).await;
    let (first, second) = (first.host(), second.host());
    let root = |authority: &Authority| Tls::new().root_certificate(&*authority.pem);

    let config = Config::default().tls(&first, root(&one));
    check(&config, &first).await.unwrap();
    let text = refused(&config, &second).await;
    assert!(text.ends_with("invalid peer certificate: UnknownIssuer"), "{text}");

    let config = config.tls(&second, root(&other));
    check(&config, &first).await.unwrap();
    check(&config, &second).await.unwrap();

    let careless = Config::default().tls(&first, Tls::new().danger_accept_any_certificate());
    check(&careless, &first).await.unwrap();
    refused(&careless, &second).await;
    // The same port by another name.
    refused(&careless, &first.replace("localhost", "127.0.0.1")).await;

    // What was said last counts.
    refused(&careless.tls(&first, root(&other)), &first).await;
}

#[tokio::test]
async fn roots_for_all_are_trusted_unless_a_server_has_its_own_alone() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let server = Secure::start(&one.issue("server", HOSTS), Clients::All).await;
    let host = &server.host();
    let all = Config::default().root_certificate(&*one.pem);
    let own = Tls::new().root_certificate(&*other.pem);
    check(&all, host).await.unwrap();
    check(&all.clone().tls(host, own.clone()), host).await.unwrap();
    refused(&all.tls(host, own.only_these_roots()), host).await;
    let own = Tls::new().root_certificate(&*one.pem).only_these_roots();
    check(&Config::default().tls(host, own), host).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_followed_by_the_settings_of_where_it_leads() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let users = Authority::new("users");
    let first = Secure::start(&one.issue("server", HOSTS), Clients::WithOrWithout(&users)).await;
    let second = Secure::start(&other.issue("server", HOSTS), Clients::WithOrWithout(&users)).await;
    let (host, user) = (first.host(), users.issue("user", &[]));
    let own = Tls::new()
        .danger_accept_any_certificate()
        .client_certificate(&*user.certificate, &*user.key);
    let config = Config::default().retry(quick()).tls(&host, own);
    let trusting = config.clone().tls(second.host(), Tls::new().root_certificate(&*other.pem));

    let fixture = Fixture::new();
    let layer = &fixture.layers[2];
    let path = format!("/v2/team/app/blobs/{}", layer.digest);
    for server in [&first, &second] {
        let config = Config::default().retry(quick());
        let config = config.tls(server.host(), Tls::new().danger_accept_any_certificate());
        let client = Client::new(config).unwrap();
        let app = client.repository(&format!("{}/team/app", server.host())).unwrap();
        app.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    }
    let location = format!("https://{}{path}", second.host());
    first.registry.registry().add_faults([Fault::redirect(path, &location)]);
    let seen = second.connections().len();

    let read = async |config: Config| {
        let client = Client::new(config).unwrap();
        let blob = client.repository(&format!("{host}/team/app")).unwrap().blob(layer).unwrap();
        blob.read_to_end(1 << 20).await
    };
    let error = read(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{}", chain(&error));
    assert_eq!(second.connections().len(), seen);
    assert_eq!(read(trusting).await.unwrap().len() as u64, layer.size);
    assert_eq!(first.connections().pop().unwrap().client, Some(der(&user.certificate)));
    assert_eq!(second.connections()[seen..].iter().find_map(|it| it.client.clone()), None);
}

#[tokio::test]
async fn of_several_client_certificates_the_server_gets_one_of_an_issuer_that_it_names() {
    let authority = Authority::new("authority");
    let (users, others) = (Authority::new("users"), Authority::new("others"));
    let (user, other) = (users.issue("user", &[]), others.issue("user", &[]));
    let pair = authority.issue("server", HOSTS);
    let add = |tls: Tls, pair: &Pair| tls.client_certificate(&*pair.certificate, &*pair.key);
    let both = add(add(Tls::new(), &other), &user).root_certificate(&*authority.pem);
    let all = Config::default().client_certificate(&*other.certificate, &*other.key);
    for (clients, issuer) in [(&users, &user), (&others, &other)] {
        let server = Secure::start(&pair, Clients::Only(clients)).await;
        let host = &server.host();
        check(&all.clone().tls(host, both.clone()), host).await.unwrap();
        let client = server.connections().pop().unwrap().client;
        assert_eq!(client, Some(der(&issuer.certificate)));
    }
    // What is for all servers is shown where a server has none of its own.
    let server = Secure::start(&pair, Clients::Only(&others)).await;
    let host = &server.host();
    check(&all.root_certificate(&*authority.pem), host).await.unwrap();
    assert_eq!(server.connections().pop().unwrap().client, Some(der(&other.certificate)));
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_says_so() {
    let (authority, users) = (Authority::new("authority"), Authority::new("users"));
    let server = Secure::start(&authority.issue("server", HOSTS), Clients::Only(&users)).await;
    let config = Config::default().root_certificate(&*authority.pem);
    let text = refused(&config, &server.host()).await;
    assert!(text.contains("`Tls::client_certificate`"), "{text}");
    assert!(text.ends_with("received fatal alert: CertificateRequired"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_was_given_is_trusted_from_the_server_itself() {
    let given = Pair::self_signed(HOSTS, 2100);
    let server = Secure::start(&given, Clients::All).await;
    let root = |pair: &Pair| Tls::new().root_certificate(&*pair.certificate);
    let host = &server.host();
    for tls in [root(&given), root(&given).only_these_roots()] {
        check(&Config::default().tls(host, tls), host).await.unwrap();
    }
    check(&Config::default().root_certificate(&*given.certificate), host).await.unwrap();
    refused(&Config::default(), host).await;
    refused(&Config::default().tls(host, root(&Pair::self_signed(HOSTS, 2100))), host).await;

    for (pair, reason) in [
        (Pair::self_signed(&["elsewhere.example"], 2100), "NotValidForName"),
        (Pair::self_signed(HOSTS, 2001), "expired"),
    ] {
        let server = Secure::start(&pair, Clients::All).await;
        let host = &server.host();
        let text = refused(&Config::default().tls(host, root(&pair)), host).await;
        assert!(text.contains(reason), "{reason}: {text}");
    }
}

#[tokio::test]
async fn http_2_has_one_connection_for_all_requests() {
    let authority = Authority::new("authority");
    let server = Secure::start(&authority.issue("server", HOSTS), Clients::All).await;
    let config = Config::default().retry(quick()).root_certificate(&*authority.pem);
    let client = Client::new(config).unwrap();
    let host = server.host();
    client.check(&host).await.unwrap();
    for result in futures_util::future::join_all((0..20).map(|_| client.check(&host))).await {
        result.unwrap();
    }
    let protocols: Vec<_> = server.connections().into_iter().map(|it| it.protocol).collect();
    assert_eq!(protocols, ["h2"]);
}
