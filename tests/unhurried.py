"""An application whose OCR engine starts when a page is read, not in advance: few tests have one read."""

from dataclasses import dataclass, replace

from cloud.bootstrap import Application
from cloud.ports.ocr_engine import OcrEngine, OcrPage


@dataclass(frozen=True, slots=True)
class UnhurriedOcrEngine:
    """The real engine, but not started in advance."""

    engine: OcrEngine

    def read(self, image: bytes) -> OcrPage:
        return self.engine.read(image)

    def prepare(self) -> None:
        """Start nothing yet."""

    def close(self) -> None:
        self.engine.close()


def unhurried(app: Application) -> Application:
    """Change the application itself, which the Lambda handlers of this process use too."""
    object.__setattr__(app, "ports", replace(app.ports, ocr_engine=UnhurriedOcrEngine(app.ports.ocr_engine)))
    return app
