//! Makes the certificates of lesson 31 anew, in its folder.
//!
//! `cargo run --manifest-path lessons/31-tls/authority/Cargo.toml --target-dir target/authority`
//!
//! An authority (`ca.pem`) signs for servers; each of their files holds a
//! certificate and its key. They are Ed25519's, whose signatures have always
//! the same length, so that recordings do not differ. The authority's own key
//! is written nowhere, so it will never sign again. The servers' keys lie here
//! for everybody to read: they prove nothing outside this lesson.

use std::error::Error;
use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certificates");
    let (known, unknown) = (authority("socket-lab")?, authority("somebody")?);
    fs::write(folder.join("ca.pem"), &known.0)?;
    for (file, name, until, (_, issuer)) in [
        ("right.pem", "lab.test", 2999, &known),
        ("wrong-host.pem", "other.test", 2999, &known),
        ("expired.pem", "lab.test", 2021, &known),
        ("unknown-ca.pem", "lab.test", 2999, &unknown),
    ] {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let mut params = params(name, until);
        params.subject_alt_names = CertificateParams::new([name.to_owned()])?.subject_alt_names;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, issuer)?;
        fs::write(folder.join(file), certificate.pem() + &key.serialize_pem())?;
    }
    Ok(())
}

/// Its certificate, and what it signs with.
fn authority(name: &str) -> Result<(String, Issuer<'static, KeyPair>), Box<dyn Error>> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let mut params = params(&format!("an authority called {name}"), 2999);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok((params.self_signed(&key)?.pem(), Issuer::new(params, key)))
}

/// Valid from 2020 on: on the lab's clock, which begins in 2030, and on yours.
fn params(name: &str, until: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
