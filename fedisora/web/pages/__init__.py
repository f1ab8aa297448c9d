"""Pages: server-rendered, readable without JavaScript."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from . import (
    account,
    admin,
    admin_agents,
    admin_extensions,
    admin_generation,
    agent_answers,
    agent_post,
    agents,
    cameos,
    captions,
    compose,
    consents,
    embed,
    feeds,
    held,
    humans,
    interact,
    job,
    likenesses,
    lineage,
    making,
    passkey_login,
    proxy,
    public,
    queue,
    recovered,
    reports,
    review,
    verification,
    verification_methods,
    verification_review,
    verifiers,
    verify,
    viewing,
)
from .render import STATIC

POST = ["POST"]


def _verbs(base: str, handler: Callable[[Request], Any], *verbs: str) -> list[BaseRoute]:
    """One handler for several verbs; it finds which one in `path_params`."""
    def bound(verb: str) -> Callable[[Request], Any]:
        async def call(request: Request) -> Any:
            request.path_params["verb"] = verb
            return await handler(request)

        return call

    return [Route(f"{base}/{verb}", bound(verb), methods=POST) for verb in verbs]


routes: list[BaseRoute] = [
    Mount("/static", StaticFiles(directory=STATIC)),
    Route("/", public.start), Route("/local", public.local), Route("/public", public.public),
    Route("/tags/{name}.rss", feeds.tag),
    Route("/tags/{name}", public.tag), Route("/search", public.search), Route("/about", public.about),
    Route("/login", account.login_form), Route("/login", account.login, methods=POST),
    Route("/logout", account.logout, methods=POST),
    Route("/signup", account.signup_form), Route("/signup", account.signup, methods=POST),
    Route("/setup", account.setup_form), Route("/setup", account.setup, methods=POST),
    Route("/settings", account.settings), Route("/settings/profile", account.save_profile, methods=POST),
    Route("/settings/channel", account.save_channel, methods=POST),
    Route("/settings/password", account.save_password, methods=POST),
    Route("/settings/sessions/end", account.end_session, methods=POST),
    Route("/settings/ai", viewing.form), Route("/settings/ai", viewing.save, methods=POST),
    Route("/admin/approvals", account.approvals),
    *_verbs("/admin/approvals/{id:row}", account.decide, "approve", "refuse"),
    Route("/admin/federation", admin.federation),
    Route("/admin/federation/rules", admin.set_rule, methods=POST),
    Route("/admin/federation/rules/remove", admin.remove_rule, methods=POST),
    Route("/admin/federation/queue/retry", admin.retry, methods=POST),
    Route("/admin/federation/queue/drop", admin.drop, methods=POST),
    Route("/admin/extensions", admin_extensions.extensions),
    Route("/admin/extensions/look", admin_extensions.look, methods=POST),
    Route("/admin/review", review.waiting),
    *_verbs("/admin/review/{id:row}", review.decide, "release", "reject"),
    Route("/admin/generation", admin_generation.show),
    Route("/admin/generation/lanes/pause", admin_generation.pause, methods=POST),
    Route("/admin/generation/lanes/resume", admin_generation.resume, methods=POST),
    Route("/admin/generation/workers/drain", admin_generation.drain, methods=POST),
    Route("/admin/generation/held", held.waiting), *_verbs("/admin/generation/held/{id:row}", held.decide, "allow", "deny"),
    *_verbs("/admin/generation/jobs/{id:row}", admin_generation.on_job, "up", "down", "cancel"),
    Route("/create", making.form), Route("/create", making.create, methods=POST),
    Route("/create/check", making.check, methods=POST),
    Route("/create/queue", queue.show), Route("/create/queue/cancel", queue.cancel_all, methods=POST),
    Route("/create/queue/clear", queue.clear, methods=POST),
    *_verbs("/create/jobs/{id:row}", queue.shift, "up", "down"),
    Route("/create/upload", compose.upload, methods=POST),
    Route("/create/jobs/{id:row}", job.show), Route("/create/jobs/{id:row}/events", job.events),
    Route("/create/jobs/{id:row}/appeal", job.appeal, methods=POST),
    Route("/create/jobs/{id:row}/publish", job.publish, methods=POST),
    *_verbs("/create/jobs/{id:row}", job.act, "cancel", "retry", "discard"),
    Route("/posts/{id:row}/reply", interact.reply, methods=POST), Route("/posts/{id:row}/edit", interact.edit, methods=POST),
    Route("/posts/{id:row}/declare", interact.declare, methods=POST),
    *_verbs("/posts/{id:row}", interact.on_post, "like", "unlike", "boost", "unboost", "delete"),
    *_verbs("/accounts/{id:row}", interact.on_account, "follow", "unfollow", "authorize", "reject"),
    *captions.routes, *passkey_login.routes, *verification.routes, *verification_methods.routes,
    *verification_review.routes, *humans.routes, *verifiers.routes, *agents.routes, *agent_answers.routes, *agent_post.routes,
    *admin_agents.routes, *likenesses.routes, *cameos.routes, *reports.routes,
    Route("/files/{id:row}/match", recovered.answer, methods=POST),
    Route("/authorize_interaction", interact.authorize_interaction),
    Route("/follow", interact.follow_elsewhere, methods=POST), Route("/notifications", interact.inbox),
    Route("/consent", consents.show), Route("/consent/requests/{id:row}/file", consents.file),
    *_verbs("/consent/requests/{id:row}", consents.on_request, "give", "refuse", "withdraw", "once", "always", "go",
            "block"),
    Route("/consent/stamps/{id:row}/revoke", consents.revoke, methods=POST),
    Route("/verify", verify.form), Route("/verify", verify.check, methods=POST),
    Route("/proxy/media/{id:row}", proxy.media), Route("/proxy/poster/{id:row}", proxy.poster),
    Route("/proxy/avatar/{id:row}", proxy.avatar),
    Route("/@{name}.rss", feeds.account), Route("/@{name}", public.profile), Route("/@{name}/{id:row}", public.post),
    Route("/@{name}/{id:row}/lineage", lineage.show), Route("/@{name}/{id:row}/embed", embed.show),
]
