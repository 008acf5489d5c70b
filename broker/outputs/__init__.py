"""Outcomes as messages: one module for each convention that subscribers expect."""

from starsieve.broker.outputs import elasticc, fastdb, lasair, plain_json, single_object, starsieve
from starsieve.broker.outputs.message import Decoder, Encoder

#: To add a convention: a module with an Encoder and a Decoder, and its lines here.
ENCODERS: dict[str, Encoder] = {
    "starsieve": starsieve.encode,
    "single-object": single_object.encode,
    "json": plain_json.encode,
    "elasticc": elasticc.encode,
    "fastdb": fastdb.encode,
    "lasair": lasair.encode,
}
DECODERS: dict[str, Decoder] = {
    "starsieve": starsieve.decode,
    "single-object": single_object.decode,
    "json": plain_json.decode,
    "elasticc": elasticc.decode,
    "fastdb": fastdb.decode,
    "lasair": lasair.decode,
}
#: Conventions that carry the alert itself, which has to be of this survey.
CARRIES = {"fastdb": "lsst"}
