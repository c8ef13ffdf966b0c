"""The connector workbench: what a connector's three files would do, before they go through git.

What somebody pastes is read in a process that may write nothing; publishing stays where it is reviewed.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.contracts.load import connector_paths, stem_at
from pophub.contracts.pasted import NAMES, PastedFiles, in_force
from pophub.domain.errors import ConfigError
from pophub.settings import Settings
from pophub.web.bench_jobs import BenchJob, BenchJobs, differences
from pophub.web.layout import PageMaker, here
from pophub.web.missing import NotThere
from pophub.web.visitors import needs, takes_files


def router(settings: Settings, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes, work = APIRouter(default_response_class=HTMLResponse), BenchJobs(settings)

    @routes.get("/workbench")
    @needs("act")
    def begin(request: Request, stem: str = "") -> HTMLResponse:
        known = [stem_at(path) for path in connector_paths(settings.project)]
        if stem and stem not in known:
            raise NotThere("no_dataset", stem, [("workbench",)])
        files = in_force(settings.project, stem) if stem else PastedFiles()
        return pages.render(request, "workbench.html", known=known, stem=stem, files=files, rows="", job=None)

    @routes.post("/workbench")
    @needs("act")
    @takes_files
    def judge(request: Request) -> RedirectResponse:
        form = request.state.form
        stem = form.get("stem", "")
        if stem and stem not in {stem_at(path) for path in connector_paths(settings.project)}:
            raise ConfigError(
                "config.unknown_stem", "there is no such connector", remedy="load the page again"
            )
        files = PastedFiles(*(_text(form, name) for name in PastedFiles._fields))
        job = work.start(files, stem, _text(form, "rows").strip(), request.state.visitor.name)
        return RedirectResponse(here(request, f"/workbench/{job.number}"), 303)

    @routes.get("/workbench/{number}")
    @needs("act")
    def one(request: Request, number: int) -> HTMLResponse:
        job = _job(work, number, request.state.visitor.name)
        known = [stem_at(path) for path in connector_paths(settings.project)]
        return pages.render(
            request, "workbench.html", known=known, stem=job.stem, files=job.files, rows=job.rows, job=job,
            changed=differences(settings, job), lines=dict(zip(NAMES, (t.splitlines() for t in job.files), strict=True)),
        )  # fmt: skip

    @routes.get("/workbench/{number}/{which}")
    @needs("act")
    def download(request: Request, number: int, which: str) -> Response:
        job = _job(work, number, request.state.visitor.name)
        if which not in PastedFiles._fields:
            raise NotThere("no_job", which, [("workbench",)])
        at = PastedFiles._fields.index(which)
        name = (job.told or {"names": NAMES})["names"][at]
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(job.files[at], media_type="text/plain; charset=utf-8", headers=headers)

    return routes


def _job(work: BenchJobs, number: int, by: str) -> BenchJob:
    job = work.find(number, by)
    if job is None:
        raise NotThere("no_job", str(number), [("workbench",)])
    return job


def _text(form: dict[str, str], name: str) -> str:
    """Give a text of a form, of its file where one was chosen, with the ends of lines of a file: a browser sends others."""
    text = form.get(f"{name}_file") or form.get(name, "")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"{text}\n" if text and not text.endswith("\n") else text
