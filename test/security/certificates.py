# Makes what the tests of signed messages need: python3 security.py FOLDER
import datetime, sys
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

folder = Path(sys.argv[1])
(folder / "store").mkdir(parents=True)
now = datetime.datetime.utcnow()
for name, days in [("python", 30), ("typescript", 30), ("stranger", 30), ("expired", -1)]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme Inc"),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days)).sign(key, hashes.SHA256())
    )
    protection = serialization.BestAvailableEncryption(b"hunter2") if name == "typescript" else serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.crt").write_bytes(pem)
    if name in ("python", "typescript"):
        (folder / "store" / f"{name}.pem").write_bytes(pem)
