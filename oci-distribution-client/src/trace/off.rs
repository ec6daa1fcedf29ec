//! The events of a build without them: nothing.

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use oci_image::reference::RegistryName;
use url::Url;

use crate::error::Error;

pub(crate) fn answered(_: &Method, _: &Url, _: StatusCode, _: Duration) {}

pub(crate) fn unanswered(_: &Method, _: &Url, _: Duration) {}

pub(crate) fn retried(_: &Method, _: u32, _: &dyn fmt::Debug, _: Duration) {}

pub(crate) fn redirected(_: &Url, _: &Url) {}

pub(crate) fn mirror_failed(_: &RegistryName, _: &Error) {}

pub(crate) fn token(_: &RegistryName, _: &Url, _: &dyn fmt::Display, _: bool) {}
