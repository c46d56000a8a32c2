"""The errors of the gateway, one class per decision of the catcher."""


class GatewayError(Exception):
    """Root of everything that the gateway raises on purpose."""


class BundleError(GatewayError):
    """The device bundle or the command line is wrong: the operator must act."""


class SpoolInUseError(GatewayError):
    """Another gateway works on this spool: stop one of them."""


class FrameRefusedError(GatewayError):
    """A frame is not an image that can be sent: set it aside with the text as reason, go on with the others."""


class CorruptEntryError(GatewayError):
    """A file of the spool does not hold what the spool wrote: park it with the text as reason."""


class RetryLaterError(GatewayError):
    """Nothing was lost, but the capture cannot be made now: try the same again."""


class CameraBusyError(RetryLaterError):
    """The camera has frames that are not complete yet."""


class SpoolFullError(RetryLaterError):
    """There is no room for one more image, and none that may be given up."""


class SpoolBrokenError(RetryLaterError):
    """The disk did not take a new entry."""
