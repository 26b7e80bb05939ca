"""Lets the real botocore parse responses that our codecs encoded.

Usage: botocore_reads.py CASES_FOLDER ENCODED_FILE. Prints one line of JSON for each case that botocore
understands differently: {"file", "id", "got", "wanted"}.
"""

import base64
import copy
import datetime
import json
import math
import pathlib
import sys

from botocore.awsrequest import HeadersDict
from botocore.model import NoShapeFoundError, OperationModel, ServiceModel
from botocore.parsers import PROTOCOL_PARSERS
from botocore.utils import parse_timestamp


def timestamp(value):
    moment = parse_timestamp(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp()


def plain(value):
    """botocore's values in the notation of the cases."""
    if hasattr(value, "read"):
        return plain(value.read())
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value if item is not None]
    return value


def same(left, right):
    if isinstance(left, dict) and isinstance(right, dict):
        left, right = ({key.lower(): item for key, item in it.items()} for it in (left, right))
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-6)
    return left == right


def parse(suite, case, encoded):
    service = copy.deepcopy(suite)
    name = case["given"]["name"]
    service["operations"] = {name: case}
    model = ServiceModel(service)
    operation = OperationModel(case["given"], model)
    protocol = suite["metadata"]["protocol"]
    parser = PROTOCOL_PARSERS[protocol](timestamp_parser=timestamp)
    response = {
        "status_code": encoded["status_code"],
        "headers": HeadersDict({key: item for key, item in encoded["headers"]}),
        "body": base64.b64decode(encoded["body"]),
        "context": {"operation_name": name},
    }
    parsed = parser.parse(response, operation.output_shape)
    if "error" in case:
        # Clients look for the shape by the code in the body; the code they show may be the header's.
        code = parsed["Error"].get("QueryErrorCode") or parsed["Error"].get("Code")
        try:
            parsed.update(parser.parse(response, model.shape_for_error_code(code)))
        except NoShapeFoundError:
            pass
    parsed.pop("ResponseMetadata", None)
    return plain(parsed)


def shape_for_error_code(self, code):
    for shape in self.error_shapes:
        if code in (shape.name, shape.error_code):
            return shape
    raise NoShapeFoundError(shape_name=code)


ServiceModel.shape_for_error_code = shape_for_error_code


def wanted(case):
    if "error" not in case:
        return plain(case["result"])
    error = {"Code": case.get("errorCode", ""), "Message": case.get("errorMessage", "")}
    return plain({"Error": error, **case["error"]})


def main(folder, encoded_file):
    suites = {}
    for encoded in json.loads(pathlib.Path(encoded_file).read_text()):
        name = encoded["file"]
        if name not in suites:
            suites[name] = json.loads((pathlib.Path(folder) / f"output-{name}.json").read_text())
        suite = suites[name][encoded["suite"]]
        case = suite["cases"][encoded["case"]]
        expected = wanted(case)
        try:
            got = parse(suite, case, encoded)
        except Exception as error:  # whatever botocore raises is a response it does not understand
            got = {"raised": repr(error)}
        if "Error" in got:  # botocore copies an XML error's other members here too
            got["Error"] = {key: got["Error"].get(key, "") for key in ("Code", "Message")}
        if not same(got, expected):
            print(json.dumps({"file": name, "id": case["id"], "got": got, "wanted": expected}, default=str))


main(*sys.argv[1:])
