//! What is recorded of each registry. What has no public source is not here.

use http::{Method, StatusCode};

use super::{Dialect, Quirk};
use crate::{Auth, Fault, Serve};

impl Dialect {
    /// Docker Hub, `registry-1.docker.io`.
    pub const DOCKER_HUB: Self = Self { name: "Docker Hub", quirks: docker_hub };
    /// Amazon ECR, private registries.
    pub const ECR: Self = Self { name: "Amazon ECR", quirks: ecr };
    /// Amazon ECR Public, `public.ecr.aws`.
    pub const ECR_PUBLIC: Self = Self { name: "Amazon ECR Public", quirks: ecr_public };
    /// Google Artifact Registry, `docker.pkg.dev`, which [serves `gcr.io`] since Container Registry is shut down.
    ///
    /// [serves `gcr.io`]: https://docs.cloud.google.com/artifact-registry/docs/transition/gcr-repositories
    pub const ARTIFACT_REGISTRY: Self =
        Self { name: "Google Artifact Registry, gcr.io", quirks: artifact_registry };
    /// Azure Container Registry, `azurecr.io`.
    pub const ACR: Self = Self { name: "Azure Container Registry", quirks: acr };
    /// GitHub's registry, `ghcr.io`.
    pub const GHCR: Self = Self { name: "GHCR", quirks: ghcr };
    /// GitLab's registry.
    pub const GITLAB: Self = Self { name: "GitLab", quirks: gitlab };
    /// Harbor.
    pub const HARBOR: Self = Self { name: "Harbor", quirks: harbor };
    /// Quay, `quay.io`.
    pub const QUAY: Self = Self { name: "Quay", quirks: quay };
    /// JFrog Artifactory.
    pub const ARTIFACTORY: Self = Self { name: "Artifactory", quirks: artifactory };
    /// Sonatype Nexus Repository.
    pub const NEXUS: Self = Self { name: "Nexus", quirks: nexus };
    /// Pulp with `pulp_container`.
    pub const PULP: Self = Self { name: "Pulp", quirks: pulp };
    /// CNCF Distribution 2, `registry:2`.
    pub const DISTRIBUTION_2: Self = Self { name: "distribution 2", quirks: distribution_2 };
    /// CNCF Distribution 3, `registry:3`.
    pub const DISTRIBUTION_3: Self = Self { name: "distribution 3", quirks: distribution_3 };
    /// zot.
    pub const ZOT: Self = Self { name: "zot", quirks: zot };
    /// olareg, as it is without settings.
    pub const OLAREG: Self = Self { name: "olareg", quirks: olareg };
    /// Gitea, and Forgejo, which began as its copy.
    pub const GITEA: Self = Self { name: "Gitea, Forgejo", quirks: gitea };

    /// All that are recorded.
    pub const ALL: [Self; 17] = [
        Self::DOCKER_HUB,
        Self::ECR,
        Self::ECR_PUBLIC,
        Self::ARTIFACT_REGISTRY,
        Self::ACR,
        Self::GHCR,
        Self::GITLAB,
        Self::HARBOR,
        Self::QUAY,
        Self::ARTIFACTORY,
        Self::NEXUS,
        Self::PULP,
        Self::DISTRIBUTION_2,
        Self::DISTRIBUTION_3,
        Self::ZOT,
        Self::OLAREG,
        Self::GITEA,
    ];
}

const UPLOADS: &str = "/blobs/uploads/";
const MANIFESTS: &str = "/manifests/";
const REFERRERS: &str = "/referrers/";
const CONTENT_DIGEST: &str = "docker-content-digest";

fn without_deletion(serve: Serve) -> Serve {
    serve.without_tag_deletion().without_manifest_deletion().without_blob_deletion()
}

/// A redirect to a page for people.
fn page(quirk: Quirk, status: StatusCode, location: &str) -> Quirk {
    let redirect = Fault::answer(REFERRERS, status, "").header("location", location);
    let page = Fault::answer(location, StatusCode::OK, "<!DOCTYPE html><title>Sign in</title>");
    quirk.fault(redirect).fault(page.header("content-type", "text/html; charset=utf-8"))
}

fn docker_hub() -> Vec<Quirk> {
    vec![
        Quirk::new(
            "calls itself `registry.docker.io` to its token server",
            "docker/hub-feedback#2360",
        )
        .auth(|| Auth::bearer().service("registry.docker.io")),
        Quirk::new("deletes nothing (405)", "docker/hub-feedback#2360").serve(without_deletion),
    ]
}

fn ecr() -> Vec<Quirk> {
    let patch = |fault: Fault| fault.method(Method::PATCH);
    vec![
        Quirk::new(
            "takes user and password with each request",
            "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html",
        )
        .auth(|| Auth::basic().service("ecr.amazonaws.com")),
        Quirk::new("answers a chunk with 201", "jdx/mise#11376")
            .fault(patch(Fault::set_status(UPLOADS, StatusCode::CREATED))),
        Quirk::new(
            "says in `Range` where the first chunk ended, after each chunk",
            "aws/containers-roadmap#2831",
        )
        .fault(patch(Fault::range_of_chunk(UPLOADS))),
        Quirk::new("gives manifests without their digest", "distribution/distribution#3792")
            .fault(Fault::without_header(MANIFESTS, CONTENT_DIGEST).method(Method::GET)),
    ]
}

fn ecr_public() -> Vec<Quirk> {
    let head = Fault::answer("/blobs/sha", StatusCode::UNAUTHORIZED, "").method(Method::HEAD);
    vec![
        Quirk::new("answers HEAD for a blob with 401, always", "buildbuddy-io/buildbuddy#12710")
            .fault(head),
    ]
}

fn artifact_registry() -> Vec<Quirk> {
    let referrers = Quirk::new(
        "sends who asks for referrers to a page to log in",
        "https://github.com/awslabs/soci-snapshotter/blob/main/docs/registry.md",
    );
    let patch = Fault::status(UPLOADS, StatusCode::METHOD_NOT_ALLOWED).method(Method::PATCH);
    vec![
        Quirk::new("gives tokens at `/v2/token`", "oras-project/oras#157")
            .auth(|| Auth::bearer().service("us-docker.pkg.dev").token_path("/v2/token")),
        Quirk::new(
            "takes no chunks (by which status is not recorded: 405 here)",
            "kitops-ml/kitops#777",
        )
        .fault(patch),
        page(referrers, StatusCode::FOUND, "/v3/signin/identifier").serve(Serve::without_referrers),
    ]
}

fn acr() -> Vec<Quirk> {
    let refusal = "413 Request Entity Too Large - AzureContainerRegistry";
    let large = Fault::answer(UPLOADS, StatusCode::PAYLOAD_TOO_LARGE, refusal);
    vec![
        Quirk::new(
            "gives tokens at `/oauth2/token`, as `access_token` alone",
            "https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md",
        )
        .auth(|| {
            let auth = Auth::bearer().token_path("/oauth2/token");
            auth.token_members(["access_token"])
        }),
        Quirk::new("takes no body of more than about 20 MB (413)", "goharbor/harbor#23015")
            .fault(large.longer_than(20_000_000)),
    ]
}

fn ghcr() -> Vec<Quirk> {
    let referrers = Quirk::new(
        "sends who asks for referrers to a page of GitHub, which soon refuses (429)",
        "artifacthub/hub#4785",
    );
    const PAGE: &str = "/-/v2/packages/container/package/";
    let too_many = Fault::status(PAGE, StatusCode::TOO_MANY_REQUESTS).after(1);
    let refusal = r#"{"errors":[{"code":"REQUESTED_RANGE_NOT_SATISFIABLE","message":"the request body is too large and exceeds the maximum permissible limit of 4.00MiB"}]}"#;
    let large = Fault::answer(UPLOADS, StatusCode::RANGE_NOT_SATISFIABLE, refusal);
    vec![
        page(referrers.fault(too_many), StatusCode::SEE_OTHER, PAGE),
        Quirk::new("has no API for referrers", "dataaxiom/ghcr-cleanup-action#13")
            .serve(Serve::without_referrers),
        Quirk::new("takes no chunk of more than 4 MiB (416)", "oras-project/rust-oci-client#35")
            .fault(large.method(Method::PATCH).longer_than(4 << 20)),
        Quirk::new("deletes nothing (405)", "podman-container-tools/skopeo#1880")
            .serve(without_deletion),
    ]
}

fn gitlab() -> Vec<Quirk> {
    let dashed = Fault::dashed_digests(MANIFESTS);
    vec![
        Quirk::new("gives tokens at `/jwt/auth`", "oras-project/oras-go#1396")
            .auth(|| Auth::bearer().service("container_registry").token_path("/jwt/auth")),
        Quirk::new("reads only the last of several scopes", "estesp/manifest-tool#53")
            .fault(Fault::last_scope("/jwt/auth")),
        Quirk::new("has no API for referrers", "oras-project/oras-go#1396")
            .serve(Serve::without_referrers),
        Quirk::new(
            "takes the tag `sha256-…` for the digest `sha256:…`",
            "oras-project/oras-go#1396",
        )
        .fault(dashed.clone().method(Method::GET))
        .fault(dashed.method(Method::HEAD)),
    ]
}

fn harbor() -> Vec<Quirk> {
    let basic = Fault::set_header("", "www-authenticate", r#"Basic realm="harbor""#);
    let missing = r#"{"errors":[{"code":"UNAUTHORIZED","message":"project not found"}]}"#;
    vec![
        Quirk::new(
            "gives tokens at `/service/token`, and takes passwords too",
            "goharbor/harbor#17930",
        )
        .auth(|| {
            let auth = Auth::bearer().service("harbor-registry");
            auth.token_path("/service/token").or_basic()
        }),
        Quirk::new("asks who has shown a token for a password next", "goharbor/harbor#18856")
            .fault(basic.with_header("authorization").answered(StatusCode::UNAUTHORIZED)),
        Quirk::new("refuses to mount what is not there (401)", "goharbor/harbor#17097").fault(
            Fault::answer("mount=", StatusCode::UNAUTHORIZED, missing)
                .answered(StatusCode::ACCEPTED),
        ),
    ]
}

fn quay() -> Vec<Quirk> {
    vec![
        Quirk::new(
            "does not say that it knows a subject (`OCI-Subject`)",
            "opencontainers/distribution-spec#563",
        )
        .fault(Fault::without_header(MANIFESTS, "oci-subject").method(Method::PUT)),
    ]
}

fn artifactory() -> Vec<Quirk> {
    let denied = r#"{"errors":[{"code":"UNAUTHORIZED","message":"The client does not have permission for manifest"}]}"#;
    let missing =
        Fault::answer(MANIFESTS, StatusCode::FORBIDDEN, denied).answered(StatusCode::NOT_FOUND);
    vec![
        Quirk::new("has no API for referrers (406)", "google/go-containerregistry#2026")
            .serve(Serve::without_referrers)
            .fault(Fault::status(REFERRERS, StatusCode::NOT_ACCEPTABLE)),
        Quirk::new("denies a tag that there is not (403)", "sigstore/cosign#2973")
            .fault(missing.clone().method(Method::GET))
            .fault(missing.method(Method::HEAD)),
    ]
}

fn nexus() -> Vec<Quirk> {
    let link = "</repository/docker/v2/app/tags/list?n=1&last=a>; rel=\"next\"";
    vec![
        Quirk::new("takes manifests without naming their digest", "distribution/distribution#3849")
            .fault(Fault::without_header(MANIFESTS, CONTENT_DIGEST).method(Method::PUT)),
        Quirk::new(
            "lists tags in pages only where `n` is given, whose links lead nowhere",
            "sonatype/nexus-public#1011",
        )
        .serve(Serve::without_tag_pages)
        .fault(Fault::set_header("/tags/list?n=", "link", link)),
    ]
}

fn pulp() -> Vec<Quirk> {
    let chunk = Fault::set_status(UPLOADS, StatusCode::NO_CONTENT);
    let state = Fault::status(UPLOADS, StatusCode::METHOD_NOT_ALLOWED);
    vec![
        Quirk::new("answers a chunk with 204", "pulp/pulp_container#2199")
            .fault(chunk.method(Method::PATCH)),
        Quirk::new("does not tell how far an upload is", "pulp/pulp_container#483")
            .fault(state.method(Method::GET)),
    ]
}

fn distribution_2() -> Vec<Quirk> {
    let refusal = r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}"#;
    let tag = Fault::answer(MANIFESTS, StatusCode::BAD_REQUEST, refusal);
    vec![
        Quirk::new(
            "takes a tag to be deleted for a wrong digest (400)",
            "sameersbn/docker-gitlab#2867",
        )
        .serve(Serve::without_tag_deletion)
        .fault(tag.method(Method::DELETE).answered(StatusCode::METHOD_NOT_ALLOWED)),
        Quirk::new("takes no blob by POST alone (202)", "distribution/distribution#3230")
            .fault(Fault::refuse_single_post(UPLOADS)),
        Quirk::new("has no API for referrers", "distribution/distribution#3859")
            .serve(Serve::without_referrers),
        Quirk::new("lists all tags in one page", "distribution/distribution#2169")
            .serve(Serve::without_tag_pages),
    ]
}

fn distribution_3() -> Vec<Quirk> {
    vec![
        Quirk::new("has no API for referrers", "oras-project/rust-oci-client#259")
            .serve(Serve::without_referrers),
    ]
}

fn zot() -> Vec<Quirk> {
    vec![
        Quirk::new("says in `Range` how long the chunk was", "regclient/regclient#961")
            .fault(Fault::range_of_chunk(UPLOADS).method(Method::PATCH)),
    ]
}

fn olareg() -> Vec<Quirk> {
    let delete =
        |path| Fault::answer(path, StatusCode::METHOD_NOT_ALLOWED, "").method(Method::DELETE);
    vec![
        Quirk::new(
            "deletes nothing (405), without a word, unless it is told to",
            "https://github.com/olareg/olareg/blob/main/olareg.go",
        )
        .fault(delete(MANIFESTS))
        .fault(delete("/blobs/sha")),
    ]
}

fn gitea() -> Vec<Quirk> {
    const SOURCE: &str =
        "https://github.com/go-gitea/gitea/blob/main/routers/api/packages/container/container.go";
    vec![
        Quirk::new(
            "gives tokens at `/v2/token`, as `token` alone, and takes passwords too",
            SOURCE,
        )
        .auth(|| Auth::bearer().or_basic().token_path("/v2/token").token_members(["token"])),
        Quirk::new("gives blobs whole, whatever part is asked for", SOURCE)
            .fault(Fault::ignore_range("/blobs/")),
        Quirk::new("has no API for referrers", SOURCE).serve(Serve::without_referrers),
        Quirk::new("has no links between pages of tags", SOURCE).serve(Serve::without_tag_pages),
    ]
}
