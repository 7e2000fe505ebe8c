//! Windows: what each one was told, and the frames that keep it up to date.

mod frame;
mod label;
mod mirror;
mod page;
mod pages;

pub(crate) use frame::Picture;
pub(crate) use label::not_allowed;
pub use label::{WindowKind, WindowLabel, allowed};
pub(crate) use pages::Pages;
