"""Routes that ask who is there before they take the body: FastAPI takes it first, and puts a file onto the disk."""

from fastapi import Request, Response

from cloud.accounts.identity import EarlyGuard
from cloud.api.answers import Answer, TaggedRoute


def guarded_before_its_body(guard: EarlyGuard) -> type[TaggedRoute]:
    """Return the class of a route whose endpoint declares ``guard``: who it refuses has sent no body."""

    class GuardedRoute(TaggedRoute):
        def get_route_handler(self) -> Answer:
            answer = super().get_route_handler()

            async def answered(request: Request) -> Response:
                await guard(request)
                return await answer(request)

            return answered

    return GuardedRoute
