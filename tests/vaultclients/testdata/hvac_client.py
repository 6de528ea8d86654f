"""Runs the steps of every client with hvac. Reads VAULT_ADDR and VAULT_TOKEN."""
import os
import hvac
from hvac import exceptions

client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
assert client.is_authenticated()
assert client.sys.is_initialized() and not client.sys.is_sealed()
kv, mount = client.secrets.kv.v2, "newsbot"


def refused(error, call, **arguments):
    try:
        call(**arguments)
    except error as e:
        return str(e)
    raise AssertionError("not refused")


data = {"user": "app", "password": "hunter2"}
kv.create_or_update_secret("prod/db", secret=data, cas=0, mount_point=mount)
assert kv.read_secret_version("prod/db", mount_point=mount)["data"]["data"] == data
print("read and write")
text = refused(exceptions.InvalidRequest, kv.create_or_update_secret, path="prod/db", secret=data, cas=0, mount_point=mount)
assert "check-and-set parameter did not match" in text
kv.create_or_update_secret("prod/db", secret={"value": "plain"}, cas=1, mount_point=mount)
print("check and set")
kv.patch("prod/db", secret={"more": "text"}, mount_point=mount)
assert kv.read_secret_version("prod/db", mount_point=mount)["data"]["data"] == {"value": "plain", "more": "text"}
print("patch")
kv.create_or_update_secret("prod/api/key", secret={"value": "k"}, mount_point=mount)
assert sorted(kv.list_secrets("prod", mount_point=mount)["data"]["keys"]) == ["api/", "db"]
print("list")
kv.delete_latest_version_of_secret("prod/db", mount_point=mount)
refused(exceptions.InvalidPath, kv.read_secret_version, path="prod/db", mount_point=mount)
kv.undelete_secret_versions("prod/db", versions=[3], mount_point=mount)
assert kv.read_secret_version("prod/db", mount_point=mount)["data"]["metadata"]["version"] == 3
print("delete and undelete")
kv.update_metadata("prod/db", cas_required=True, mount_point=mount)
assert kv.read_secret_metadata("prod/db", mount_point=mount)["data"]["cas_required"]
text = refused(exceptions.InvalidRequest, kv.create_or_update_secret, path="prod/db", secret=data, mount_point=mount)
assert "check-and-set parameter required" in text
kv.destroy_secret_versions("prod/db", versions=[1], mount_point=mount)
kv.delete_metadata_and_all_versions("prod/db", mount_point=mount)
refused(exceptions.InvalidPath, kv.read_secret_metadata, path="prod/db", mount_point=mount)
print("metadata")
for path in ("prod/db", "prod/none"):
    text = refused(exceptions.Forbidden, kv.read_secret_version, path=path, mount_point="other")
    assert "permission denied" in text
print("denied")
client.auth.approle.login(role_id="newsbot", secret_id=os.environ["VAULT_TOKEN"].split(":", 1)[1])
assert client.lookup_token()["data"]["policies"] == ["newsbot"]
client.auth.token.revoke_self()
print("log in and out")
