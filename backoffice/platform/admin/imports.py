"""An import as staff see it: upload, columns, what was found, confirm, progress, result."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from backoffice.kit.admin import HouseAdmin
from backoffice.kit.clock import database_now
from backoffice.kit.csvfile import open_rows
from backoffice.kit.jobs import later
from backoffice.platform import imports
from backoffice.platform.jobs import CHECK, COMMIT
from backoffice.platform.models import AuditEntry, Import, ImportMapping, UploadedFile

from .files import TargetFilter
from .import_forms import ColumnsForm, UploadForm, initial_of

# A bigger file is checked by a job: nobody waits so long for a page.
CHECK_AT_ONCE = 2 * 1024 * 1024
FOUND = {
    "rows": gettext_lazy("rows in the file"),
    "good": gettext_lazy("good rows"),
    "known": gettext_lazy("of them known already: they will be changed"),
    "duplicates": gettext_lazy("repeated in the file: left out"),
    "bad": gettext_lazy("bad rows: left out"),
}
DONE = {
    "added": gettext_lazy("added"),
    "updated": gettext_lazy("changed"),
    "stored": gettext_lazy("stored"),
    "older than what is known": gettext_lazy(
        "older than what is known: left as it was"
    ),
    "scheduled": gettext_lazy("scheduled"),
    "held": gettext_lazy("held for a person to look at"),
    "left out": gettext_lazy("left out"),
}


@admin.register(Import)
class ImportAdmin(HouseAdmin):
    list_display = (
        "id",
        "what",
        "file",
        "status",
        "rows",
        "created_by",
        "created_at",
        "finished_at",
    )
    list_filter = ("status", TargetFilter)
    list_select_related = ("file", "created_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("file__content")

    @admin.display(description=gettext_lazy("imports"))
    def what(self, import_: Import) -> Any:
        return imports.target_of(import_.target).label

    @admin.display(description=gettext_lazy("rows"))
    def rows(self, import_: Import) -> str:
        return str(import_.counts.get("rows", ""))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        views = {
            "columns": self.columns_view,
            "start": require_POST(self.start_view),
            "cancel": require_POST(self.cancel_view),
        }
        own = [
            path(f"<int:pk>/{name}/", wrap(view), name=f"platform_import_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    # --- the steps ------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Step 1: the file."""
        self._may_import(request)
        wanted = {"target": request.GET.get("target")}
        form = UploadForm(request.POST or None, request.FILES or None, initial=wanted)
        if form.is_valid():
            name = form.cleaned_data["file"].name
            file = UploadedFile.keep(name, form.content, by=request.user)
            import_ = Import.objects.create(
                target=form.cleaned_data["target"],
                file=file,
                created_by=file.uploaded_by,
            )
            return redirect("admin:platform_import_columns", import_.pk)
        return self._page(
            request,
            "step",
            {"title": _("Import a file"), "form": form, "button": _("Upload")},
        )

    def columns_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Step 2: which column is what; then the whole file is checked."""
        self._may_import(request)
        import_ = get_object_or_404(Import, pk=pk)
        if import_.status not in (Import.Status.UPLOADED, Import.Status.CHECKED):
            return redirect("admin:platform_import_change", pk)
        target = imports.target_of(import_.target)
        saved = ImportMapping.objects.filter(target=import_.target)
        form = ColumnsForm(
            target,
            open_rows(import_.file.read()).header,
            request.POST or None,
            initial=self._initial(request, import_, target),
        )
        if form.is_valid():
            self._take(import_, form)
            return redirect("admin:platform_import_change", pk)
        context = {"title": _("Which column is what"), "form": form, "saved": saved}
        return self._page(request, "step", context | {"button": _("Check the file")})

    def _initial(self, request: HttpRequest, import_: Import, target: Any) -> Any:
        wanted = request.GET.get("mapping", "")
        if wanted.isdecimal():
            mappings = ImportMapping.objects.filter(target=import_.target)
            return initial_of(target, get_object_or_404(mappings, pk=wanted))
        return initial_of(target, import_) if import_.columns else None

    def _take(self, import_: Import, form: ColumnsForm) -> None:
        import_.columns = form.columns
        import_.options = form.options | {"language": get_language()}
        import_.status, import_.counts, import_.errors = Import.Status.UPLOADED, {}, []
        import_.moved_at = database_now()
        import_.save()
        if name := form.cleaned_data["save_as"]:
            ImportMapping.objects.update_or_create(
                target=import_.target,
                name=name,
                defaults={"columns": form.columns, "options": form.options},
            )
        if import_.file.size > CHECK_AT_ONCE:
            later(CHECK, import_.pk)
        else:
            imports.check(import_)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Steps 3 to 5: what was found, how far it is, what came of it."""
        import_ = self.get_object(request, object_id)
        if import_ is None:
            raise Http404
        if not self.has_view_permission(request, import_):
            raise PermissionDenied
        if not import_.columns and self.has_add_permission(request):
            return redirect("admin:platform_import_columns", import_.pk)
        return self._page(request, "status", self._status(request, import_))

    def _status(self, request: HttpRequest, import_: Import) -> dict[str, Any]:
        counts, status = import_.counts, Import.Status(import_.status)
        checking = status == Import.Status.UPLOADED and not counts
        rows = counts.get("rows") or 1
        return {
            "title": str(import_.file),
            "import": import_,
            "what": imports.target_of(import_.target).label,
            "found": [(label, counts[n]) for n, label in FOUND.items() if n in counts],
            "done": [(DONE.get(n, n), v) for n, v in counts.get("done", {}).items()],
            "checking": checking,
            "unreadable": "unreadable" in counts,
            "running": checking or status == Import.Status.COMMITTING,
            "percent": min(100, 100 * import_.cursor // rows),
            "earlier": imports.earlier(import_),
            "may": self.has_add_permission(request),
            "problems": _problems(import_),
        }

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Step 4: the good rows are imported by a job; pressed again, it goes on."""
        self._may_import(request)
        import_ = get_object_or_404(Import, pk=pk)
        if imports.start(import_):
            AuditEntry.write(
                request.user, "import.start", import_, rows=import_.counts.get("good")
            )
        later(COMMIT, import_.pk)
        return redirect("admin:platform_import_change", pk)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._may_import(request)
        open_ones = [Import.Status.UPLOADED, Import.Status.CHECKED]
        mine = Import.objects.filter(pk=pk, status__in=open_ones)
        if mine.update(status=Import.Status.CANCELLED):
            messages.info(request, _("The import is cancelled. Nothing was stored."))
        else:
            messages.warning(
                request, _("It has begun already: it cannot be cancelled.")
            )
        return redirect("admin:platform_import_changelist")

    # --- pieces ---------------------------------------------------------------

    def _may_import(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied

    def _page(
        self, request: HttpRequest, name: str, context: dict[str, Any]
    ) -> HttpResponse:
        around = self.admin_site.each_context(request)
        context = {**around, "opts": self.opts, "media": self.media, **context}
        return TemplateResponse(request, f"admin/platform/import/{name}.html", context)


def _problems(import_: Import) -> list[dict[str, Any]]:
    """The problems, with the field as staff call it and the column it was read from."""
    labels = {f.name: f.label for f in imports.target_of(import_.target).fields}
    return [
        {
            **problem,
            "label": labels.get(problem["field"], problem["field"]),
            "column": import_.columns.get(problem["field"], ""),
        }
        for problem in import_.errors
    ]
