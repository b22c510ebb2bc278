"""What pages load: stylesheets, the icon, the module."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from info_assistant.web.rendering import ASSETS, BRAND_SHEET, STATIC, Renderer


class Assets:
    """Pages name these by their content, so browsers may keep them for good."""

    def __init__(self, renderer: Renderer) -> None:
        """Serve the operator's colours as `renderer` has them."""
        self._renderer = renderer

    async def show(self, request: Request) -> Response:
        """Return the asset that the path names. Raises HTTPException (404)."""
        name = request.path_params["name"]
        kept = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
        headers = {"Cache-Control": kept}
        if name == BRAND_SHEET and self._renderer.brand_sheet:
            return Response(self._renderer.brand_sheet, headers=headers, media_type="text/css")
        if name not in ASSETS:
            raise HTTPException(404)
        return FileResponse(STATIC / name, headers=headers)
