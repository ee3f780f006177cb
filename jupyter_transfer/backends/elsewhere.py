"""Addresses of kinds that no backend serves, as other tools write them (fsspec above all): which
address of ours leads there, or which remote of rclone would."""

from __future__ import annotations

_S3 = {
    "cos": "https://cos.REGION.myqcloud.com",
    "gcs": "https://storage.googleapis.com",
    "gs": "https://storage.googleapis.com",
    "minio": "https://HOST:9000",
    "obs": "https://obs.REGION.myhuaweicloud.com",
    "oss": "https://oss-REGION.aliyuncs.com",
    "r2": "https://ACCOUNT.r2.cloudflarestorage.com",
    "tos": "https://tos-s3-REGION.volces.com",
    "tosfs": "https://tos-s3-REGION.volces.com",
    "lakefs": "https://HOST",
    "oci": "https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com",
    "ocilake": "https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com",
}
"""Services that speak S3 too -> the endpoint."""

_RCLONE = {
    "abfs": "azureblob",
    "abfss": "azureblob",
    "adl": "azureblob",
    "az": "azureblob",
    "azure": "azureblob",
    "b2": "b2",
    "box": "box",
    "dropbox": "dropbox",
    "gcs": "google cloud storage",
    "gdrive": "drive",
    "gs": "google cloud storage",
    "hdfs": "hdfs",
    "mega": "mega",
    "oci": "oracleobjectstorage",
    "ocilake": "oracleobjectstorage",
    "onedrive": "onedrive",
    "pcloud": "pcloud",
    "sharepoint": "onedrive",
    "smb": "smb",
    "swift": "swift",
    "wasb": "azureblob",
    "wasbs": "azureblob",
    "webhdfs": "hdfs",
}
"""Services -> the type of a remote of rclone."""

_OURS = {
    "s3a": "s3://BUCKET/KEY",
    "s3n": "s3://BUCKET/KEY",
    "ssh": "sftp://HOST/PATH",
    "scp": "sftp://HOST/PATH",
    "dav": "http://HOST/PATH",
    "davs": "https://HOST/PATH",
    "webdav": "https://HOST/PATH",
    "webdavs": "https://HOST/PATH",
    "git": "git+https://HOST/OWNER/NAME.git@REF",
    "github": "git+https://github.com/OWNER/NAME.git@REF",
    "gitlab": "git+https://gitlab.com/OWNER/NAME.git@REF",
    "gist": "git+https://gist.github.com/ID.git",
    "huggingface": "hf://OWNER/NAME",
    "dvc": "the address of the store that DVC keeps the file in",
    "ipfs": "https:// and a gateway",
    "ipns": "https:// and a gateway",
    "root": "https:// and the XRootD server's HTTP port",
    "xrootd": "https:// and the XRootD server's HTTP port",
    "jlab": "the path itself, without a scheme, where that Jupyter server runs",
    "jupyter": "the path itself, without a scheme, where that Jupyter server runs",
    "dbfs": "the address of the store below Databricks, such as s3:// or rclone://",
    "wandb": "s3:// or another address of the artifact's own store",
    "file": "a path, without a scheme",
    "asynclocal": "a path, without a scheme",
    "local": "a path, without a scheme",
}
"""Kinds of addresses -> what is written here instead."""

_LAYERS = frozenset(
    {"blockcache", "cached", "dir", "filecache", "libarchive", "reference", "simplecache"}
    | {"tar", "zip", "dask", "generic", "memory", "data", "pyscript", "asyncwrapper"}
)
"""fsspec's layers over another address: not places."""


def remedy_for(scheme: str) -> str | None:
    """What to do about an address of the kind `scheme`; None where we know nothing of it."""
    if scheme in _OURS:
        return f"Use {_OURS[scheme]} instead."
    parts = []
    if scheme in _S3:
        parts.append(f"s3://BUCKET/KEY with the option endpoint ({_S3[scheme]})")
    if scheme in _RCLONE:
        parts.append(
            f"rclone://NAME/PATH with a remote NAME of the type “{_RCLONE[scheme]}” "
            "(make it with rclone config)"
        )
    if parts:
        return f"Use {', or '.join(parts)}."
    if scheme in _LAYERS:
        return "This is a layer of fsspec over another address: use that one."
    return None
