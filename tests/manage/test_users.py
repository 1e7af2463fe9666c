"""Users and their admin tokens."""

import pytest
from tests.manage.installed import Manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery"


async def test_a_user_is_added_changed_and_removed(manage: Manage) -> None:
    made = await manage.post("/users", email=" Ann@Example.com ", name="Ann", password=PASSWORD)
    assert made | {"id": ""} == {
        "id": "",
        "email": "ann@example.com",
        "name": "Ann",
        "role": "user",
        "has_password": True,
        "disabled": False,
        "created_at": "2026-05-28T20:26:40.000Z",
    }
    path = f"/users/{made['id']}"
    assert await manage.get(path) == made
    assert await manage.items("/users?email=ANN@example.com") == [made]
    changed = await manage.patch(
        path, email="ann.b@example.com", name="", password=None, role="admin", disabled=True
    )
    assert changed == made | {
        "email": "ann.b@example.com",
        "name": "",
        "has_password": False,
        "role": "admin",
        "disabled": True,
    }
    await manage.delete(path)
    for method in ("GET", "PATCH", "DELETE"):
        body = {"name": "x"} if method == "PATCH" else None
        assert "GET /manage/v1/users" in (await manage.refused(404, method, path, body))["message"]


async def test_two_users_cannot_share_an_email(manage: Manage) -> None:
    ben = await manage.post("/users", email="ben@example.com")
    await manage.post("/users", email="bea@example.com")
    error = await manage.refused(409, "POST", "/users", {"email": "BEN@example.com"})
    assert error["param"] == "email"
    error = await manage.refused(409, "PATCH", f"/users/{ben['id']}", {"email": "bea@example.com"})
    assert error["param"] == "email"
    assert (await manage.patch(f"/users/{ben['id']}", email="Ben@example.com"))["email"] == ben["email"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ann"),
        ("email", "a@b@c"),
        ("email", ""),
        ("email", "a b@c"),
        ("email", f"a@{'b' * 200}"),
        ("password", "short"),
        ("password", "x" * 201),
        ("role", "root"),
        ("name", "x" * 201),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_wrong_field_is_refused_by_name_and_never_quoted(
    manage: Manage, field: str, value: str
) -> None:
    error = await manage.refused(400, "POST", "/users", {"email": "new@example.com", field: value})
    assert error["param"] == field
    assert field != "password" or value not in error["message"]


async def test_the_last_admin_stays(manage: Manage) -> None:
    (admin,) = [user for user in await manage.items("/users?limit=1000") if user["role"] == "admin"]
    path = f"/users/{admin['id']}"
    for method, body in (("PATCH", {"disabled": True}), ("PATCH", {"role": "user"}), ("DELETE", None)):
        message = (await manage.refused(409, method, path, body))["message"]
        assert "another one first" in message
    second = await manage.post("/users", email="second@example.com", role="admin")
    assert (await manage.patch(path, name="Root"))["name"] == "Root"
    await manage.delete(f"/users/{second['id']}")


async def test_a_token_is_shown_once(manage: Manage) -> None:
    made = await manage.post("/tokens", name="deploy script")
    token = made.pop("token")
    assert token.startswith("pht-")
    assert made["hint"] == f"{token[:11]}…{token[-4:]}"
    before = len(manage.answers)
    assert made in await manage.items("/tokens")
    assert made in await manage.items(f"/tokens?user_id={made['user_id']}")
    await manage.get("/audit")
    await manage.delete(f"/tokens/{made['id']}")
    assert all(token not in answer for answer in manage.answers[before:])
    data = manage.gateway.settings.data
    assert all(token.encode() not in path.read_bytes() for path in data.rglob("*") if path.is_file())
    message = (await manage.refused(404, "DELETE", f"/tokens/{made['id']}"))["message"]
    assert "GET /manage/v1/tokens" in message


async def test_only_an_admin_has_use_for_a_token(manage: Manage) -> None:
    user = await manage.post("/users", email="plain@example.com")
    for user_id in (user["id"], "usr_none"):
        error = await manage.refused(400, "POST", "/tokens", {"name": "x", "user_id": user_id})
        assert error["param"] == "user_id"
        assert "GET /manage/v1/users" in error["message"]


async def test_no_password_comes_out_again(manage: Manage, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(manage.answers)
    made = await manage.post("/users", email="secret@example.com", password=PASSWORD)
    await manage.patch(f"/users/{made['id']}", password=f"{PASSWORD} 2")
    await manage.refused(400, "PATCH", f"/users/{made['id']}", {"password": [PASSWORD]})
    await manage.get("/users")
    await manage.get("/audit")
    seen = "\n".join(manage.answers[before:]) + "".join(capsys.readouterr())
    assert PASSWORD not in seen
    assert "argon2" not in seen
