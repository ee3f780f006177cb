"""The gate to credentials: the only package that reads one, and the one that hides them in texts.

A credential belongs to one origin. It lives in memory, goes into the header of a request to that
origin, and nowhere else: not into a URL, a job's record, an argument list, a log or an event.
"""

from __future__ import annotations

from .clients import (
    from_hugging_face,
    from_modelscope,
    from_netrc,
    hugging_face_cache,
    hugging_face_endpoint,
    hugging_face_home,
    modelscope_cache,
    modelscope_endpoint,
)
from .cluster import SERVICE_ACCOUNT, InCluster, ServiceAccount, of_kubernetes, service_account
from .credential import Credential, Login, is_secret, split_query, split_userinfo
from .environment import bare_environment, environment_of, tool_environment
from .files import MAX_FILE, no_secret, read_secret
from .held import Held, Vault, ask_secret, secrets_in
from .logins import (
    save_aws,
    save_hugging_face,
    save_keyring,
    save_modelscope,
    save_netrc,
    secret_from,
)
from .masks import (
    HIDDEN,
    LEAST_TO_MASK,
    LEAST_TO_REFUSE,
    MASKS,
    Masks,
    RedactingFormatter,
    guard_stderr,
    redact,
    redact_all,
)
from .references import (
    check_reference,
    is_reference,
    keyring_name,
    kubernetes_reference,
    refers,
    resolve,
)
from .ssh import known_hosts, known_hosts_files, own_name, remember_host_key, ssh_keys

__all__ = [
    "HIDDEN",
    "LEAST_TO_MASK",
    "LEAST_TO_REFUSE",
    "MASKS",
    "MAX_FILE",
    "SERVICE_ACCOUNT",
    "Credential",
    "Held",
    "InCluster",
    "Login",
    "Masks",
    "RedactingFormatter",
    "ServiceAccount",
    "Vault",
    "ask_secret",
    "bare_environment",
    "check_reference",
    "environment_of",
    "from_hugging_face",
    "from_modelscope",
    "from_netrc",
    "guard_stderr",
    "hugging_face_cache",
    "hugging_face_endpoint",
    "hugging_face_home",
    "is_reference",
    "is_secret",
    "keyring_name",
    "known_hosts",
    "known_hosts_files",
    "kubernetes_reference",
    "modelscope_cache",
    "modelscope_endpoint",
    "no_secret",
    "of_kubernetes",
    "own_name",
    "read_secret",
    "redact",
    "redact_all",
    "refers",
    "remember_host_key",
    "resolve",
    "save_aws",
    "save_hugging_face",
    "save_keyring",
    "save_modelscope",
    "save_netrc",
    "secret_from",
    "secrets_in",
    "service_account",
    "split_query",
    "split_userinfo",
    "ssh_keys",
    "tool_environment",
]
