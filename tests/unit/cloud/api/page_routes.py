"""Every page and form of the web application, what it asks for, and a request that the household's browser sends."""

from fastapi.routing import APIRoute

from tests.unit.cloud.api.people import park
from tests.unit.cloud.api.routes import MANAGE, READ, WRITE, Row, filled
from tests.unit.cloud.api.strangers import PASSWORD
from tests.unit.web.household import BILL, BILL_FACTS, Household

HTML = {"accept": "text/html,*/*;q=0.8"}
TAKEN = {"email": "taken@example.org", "password": PASSWORD}
OPEN = {
    *(("get", path) for path in ("/login", "/register", "/login/{token}", "/docs", "/redoc", "/metrics")),
    *(("get", f"/account/{path}") for path in ("forgot", "reset/{token}", "email/{token}", "invitation/{token}")),
}
# Forms that need no login; each looks where it was sent from.
OPEN_FORMS = {
    *(("post", path) for path in ("/login", "/login/{token}", "/logout", "/register")),
    *(("post", f"/account/{path}") for path in ("forgot", "reset/{token}", "email/{token}")),
}
LISTS = ("/", "/letters", "/outbox", "/devices", "/devices/add", "/problems", "/household")
THINGS = ("/letters/{letter_id}", "/images/{image_id}.jpg", "/devices/{number}", "/devices/{number}/delete")
OF_MAILS = ("/outbox/{mail_id}", "/outbox/{mail_id}/body", "/outbox/{mail_id}/images/{number}")
MOVED = 303
ROWS = {
    **{("get", path): Row(READ, foreign=200) for path in LISTS},
    **{("get", path): Row(READ) for path in THINGS + OF_MAILS},
    ("post", "/devices/add"): Row(MANAGE, form={"code": "{code}", "mailbox": "New"}, done=MOVED, fresh="code"),
    ("post", "/devices/unclaimed/{thing}/code"): Row(MANAGE),
    ("post", "/devices/{number}/settings"): Row(WRITE, form={"name": "New"}, done=MOVED, fresh="number"),
    ("post", "/devices/{number}/told"): Row(WRITE, form={"on": "battery_low_notify"}, done=MOVED, fresh="number"),
    ("post", "/devices/{number}/household"): Row(
        MANAGE, form={"household_id": "{elsewhere}"}, done=MOVED, fresh="number elsewhere"
    ),
    ("post", "/devices/{number}/delete"): Row(MANAGE, done=MOVED, fresh="number"),
    ("post", "/problems/{entry_id}/retry"): Row(MANAGE, done=MOVED, fresh="entry_id"),
    ("post", "/household/enter"): Row(READ, form={"household_id": "{household_id}"}, done=MOVED),
    ("post", "/household/members/{user_id}/role"): Row(MANAGE, form={"role": "owner"}, done=MOVED, fresh="user_id"),
    ("post", "/household/members/{user_id}/remove"): Row(READ, done=MOVED, fresh="user_id", needs=MANAGE),
    ("post", "/household/invitations"): Row(MANAGE, foreign=0, form=TAKEN | {"role": "viewer"}, done=MOVED),
    ("post", "/household/invitations/{invitation_id}/end"): Row(MANAGE, done=MOVED, fresh="invitation_id"),
    ("post", "/household/keys"): Row(READ, foreign=0, form={"name": "k", "scope": "read"}),
    ("post", "/household/keys/{key_id}/revoke"): Row(READ, done=MOVED, fresh="key_id"),
    ("post", "/household/email"): Row(READ, foreign=0, form=TAKEN),
    ("post", "/account/invitation/{token}"): Row(READ, foreign=403, fresh="token"),
}


def row_of(route):
    """Return the row of a request; HEAD is asked as GET is."""
    method, path = route
    return ROWS["get" if method == "head" else method, path]


def ask(stage, route, headers, **fresh):
    """Send the request of a row."""
    method, path = route
    form = filled(stage, row_of(route).form or {}, **fresh)
    first = {"number": 0} if path.startswith("/outbox") else {}  # of the images of a mail
    path = path.format(**stage.ids | fresh | first)
    return stage.client.request(method, path, data=form or None, headers=HTML | headers, follow_redirects=False)


def furnish(stage):
    """Let a letter come to the household, and something go wrong; names them for the pages."""
    home = Household(stage.app, "owner@example.org")
    _, letter = home.delivery(BILL, BILL_FACTS)
    with stage.app.database.read() as unit_of_work:
        execute = unit_of_work.connection.exec_driver_sql
        image_id = execute("SELECT id FROM images WHERE letter_id IS NOT NULL").scalar_one()
        mail_id = execute("SELECT id FROM mail_outbox WHERE episode_id IS NOT NULL").scalar_one()
    shown = {"letter_id": letter.id, "image_id": image_id, "mail_id": mail_id}
    stage.ids.update(shown, number=stage.ids["device_id"], entry_id=park(stage))


def described(routes):
    """Yield every route of an application that docs/openapi.json leaves out."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from described(route.original_router.routes)
        elif isinstance(route, APIRoute) and not route.include_in_schema:
            yield from ((method.lower(), route.path) for method in route.methods)
