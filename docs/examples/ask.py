"""Asks an Evensum coordinator from Python, with stubs made from proto/ and no Evensum code.

    python -m venv venv && venv/bin/pip install grpcio grpcio-tools cryptography
    mkdir stubs
    venv/bin/python -m grpc_tools.protoc -I proto --python_out=stubs --grpc_python_out=stubs proto/evensum/v1/*.proto
    PYTHONPATH=stubs venv/bin/python docs/examples/ask.py analyst.toml rtt_over_52_weeks@HASH 2026-10 imd.quintile \
        statutory_reporting

HASH is the indicator's definition hash: `evensum indicators --show rtt_over_52_weeks --format json` prints it. Several
questions go under one signature when indicators or periods are given with commas.

Every partner's signature, proof of entry and signed checkpoint is verified before a figure is printed. Prints a JSON
array, one object a question, in the order of the questions.
"""

import base64
import hashlib
import json
import os
import sys
import time
import tomllib
import uuid
from pathlib import Path

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from evensum.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc

QUERY = "application/vnd.evensum.query.v1+json"
STATEMENT = "application/vnd.evensum.statement.v1+json"


def canonical(document) -> bytes:
    """The one encoding of everything that is signed: sorted keys, no white space."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pre_authentication_encoding(kind: str, payload: bytes) -> bytes:
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def query_id() -> str:
    """A UUID of version 7: milliseconds first."""
    moment = int(time.time() * 1000).to_bytes(6, "big")
    raw = bytearray(moment + os.urandom(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def read_agreement(path: Path) -> dict:
    agreement = tomllib.loads(path.read_text())
    # What an agreement may leave out is part of its canonical form all the same.
    agreement.setdefault("packs", [])
    agreement.setdefault("show_partners", False)
    agreement.setdefault("asker_runs_coordinator", False)
    return agreement


def inclusion_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    node, last, path = index, size - 1, leaf
    for sibling in proof:
        if node & 1 or node == last:
            path = sha256(b"\x01" + sibling + path)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            path = sha256(b"\x01" + path + sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return path


def ed25519_key(text: str) -> ed25519.Ed25519PublicKey:
    kind, key = text.split(":")
    assert kind == "ed25519"
    return ed25519.Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key + "=="))


def check_receipt(receipt, party: dict) -> None:
    """That the party's audit log holds the entry: proof, root, and the signature of the checkpoint."""
    body, signature = receipt.checkpoint.rsplit("\n\n", 1)
    origin, size, root = (body + "\n").splitlines()
    if not origin.endswith(f"/{party['ods']}/{party['role']}"):
        raise ValueError("the checkpoint is another log's")
    # A C2SP signed note: four bytes name the key, the rest is the signature over the body.
    signed = base64.b64decode(signature.split(" ")[2])[4:]
    ed25519_key(party["ledger_key"]).verify(signed, (body + "\n").encode())
    leaf = sha256(b"\x00" + receipt.entry)
    found = inclusion_root(leaf, receipt.index, int(size), list(receipt.proof))
    if found != base64.b64decode(root):
        raise ValueError("the audit log does not hold this answer")


def check_answer(answer, question: int, query_hash: str, agreement: dict) -> dict:
    """Verifies one partner's answer, and gives its document."""
    party = next(p for p in agreement["parties"] if p["ods"] == answer.ods and p["role"] == "node")
    check_receipt(answer.receipt, party)
    statement = {
        "federation": agreement["federation"],
        "ods": answer.ods,
        "query_hash": query_hash,
        "question": question,
        "document_hash": sha256(answer.document).hex(),
        "index": answer.receipt.index,
        "checkpoint_hash": sha256(answer.receipt.checkpoint.encode()).hex(),
    }
    message = pre_authentication_encoding(STATEMENT, canonical(statement))
    try:
        ed25519_key(party["answer_key"]).verify(answer.signature, message)
    except InvalidSignature:
        raise ValueError(f"the answer of {answer.ods} is not signed by {answer.ods}") from None
    return json.loads(answer.document)


def build(config: dict, agreement: dict, indicators: str, periods: str, by: str, purpose: str) -> dict:
    questions = []
    for indicator in indicators.split(","):
        name, definition_hash = indicator.split("@")
        for period in periods.split(","):
            question = {"indicator": name, "definition_hash": definition_hash, "period": period}
            questions.append(question | {"by": [level for level in by.split("+") if level]})
    now = int(time.time())
    return {
        "query_id": query_id(),
        "federation": agreement["federation"],
        "agreement": agreement["id"],
        "agreement_hash": sha256(canonical(agreement)).hex(),
        "purpose": purpose,
        "targets": [p["ods"] for p in agreement["parties"] if p["role"] == "node"],
        "not_before": now - 60,
        "expires": now + 120,
        "questions": questions,
    }


def sign(query: dict, config: dict, folder: Path) -> common_pb2.Envelope:
    payload = canonical(query)
    key = serialization.load_pem_private_key((folder / config["key"]).read_bytes(), None)
    signature = key.sign(pre_authentication_encoding(QUERY, payload), ec.ECDSA(hashes.SHA256()))
    return common_pb2.Envelope(
        payload=payload, payload_type=QUERY, signer=config["analyst"], signature=signature
    )


def shown(view, query: dict, query_hash: str, agreement: dict) -> dict:
    documents = [check_answer(a, view.question, query_hash, agreement) for a in view.answers]
    count = lambda c: {"state": c.state, "low": c.low, "high": c.high if c.HasField("high") else None}
    question = query["questions"][view.question]
    return {
        "indicator": question["indicator"],
        "period": question["period"],
        "breakdown": list(view.breakdown),
        "cells": [
            {"at": list(c.at), "numerator": count(c.numerator), "denominator": count(c.denominator)}
            for c in view.cells
        ],
        "answered": [d["ods"] for d in documents if d["format"].startswith("evensum-release")],
        "refused": {d["ods"]: d["code"] for d in documents if "code" in d},
        "absent": {a.ods: a.status for a in view.absences},
    }


def main() -> int:
    if len(sys.argv) != 6:
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(sys.argv[1])
    config, folder = tomllib.loads(path.read_text()), path.parent
    agreement = read_agreement(folder / config["agreements"][0])
    query = build(config, agreement, *sys.argv[2:])
    envelope = sign(query, config, folder)
    query_hash = sha256(envelope.payload).hex()
    authority = grpc.ssl_channel_credentials((folder / config["ca"]).read_bytes())
    with grpc.secure_channel(config["coordinator"], authority) as channel:
        stub = coordinator_pb2_grpc.CoordinatorStub(channel)
        request = coordinator_pb2.AskRequest(envelope=envelope, deadline_ms=20_000)
        found = []
        try:
            for event in stub.Ask(request, timeout=25):
                kind = event.WhichOneof("event")
                if kind in ("view", "fault") and getattr(event, kind).question != len(found):
                    raise ValueError("an answer is out of order")
                if kind == "view":
                    found.append(shown(event.view, query, query_hash, agreement))
                elif kind == "fault":
                    error = {"code": event.fault.fault.code, "text": event.fault.fault.text}
                    found.append({"error": error})
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    if len(found) != len(query["questions"]):
        print("the coordinator left questions out", file=sys.stderr)
        return 1
    json.dump(found, sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
