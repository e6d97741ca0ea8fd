//! A temporary place with images, and commands that run in it.

use std::path::PathBuf;

use assert_cmd::Command;
use tempfile::TempDir;

#[path = "idx.rs"]
mod idx;

/// A temporary folder with 8x8 grey images of 4 classes in `images`, and room for run folders.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A place with these files beside the images.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let place = Self { folder: TempDir::new().expect("temporary folder") };
        for (name, text) in files {
            place.write(name, text);
        }
        std::fs::create_dir(place.path("images")).expect("disk");
        idx::write_idx(&place.path("images"), "train", 40);
        idx::write_idx(&place.path("images"), "t10k", 10);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("disk");
    }

    /// A program that runs in the place, without colours.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("NO_COLOR", "1").current_dir(self.folder.path());
        command
    }
}
