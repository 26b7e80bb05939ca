//! `gantry rotate-root-key`.

use std::process::ExitCode;

use api_gantry::{operations::RotateRootKey, types::RotateRootKeyRequest};

use crate::{arguments::Global, connect};

pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let answer = client.call::<RotateRootKey>(RotateRootKeyRequest::default());
    let answer = answer.await?;
    println!("{}", answer.root_key_id.unwrap_or_default());
    eprintln!(
        "{} data keys are wrapped by it. Copy the server's new {} to where you keep the old one, and keep both: backups \
         of before open with the old one only.",
        answer.data_keys.unwrap_or_default(),
        vault::ROOT_KEY_FILE
    );
    Ok(ExitCode::SUCCESS)
}
