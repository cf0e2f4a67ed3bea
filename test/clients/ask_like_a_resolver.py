"""One question of multicast DNS from a port of its own, as a resolver asks (RFC 6762 section 6.7); prints the answer's records."""

import json
import socket
import sys

from zeroconf import DNSIncoming, DNSOutgoing, DNSQuestion
from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _TYPE_PTR

interface, name, seconds = sys.argv[1:]
question = DNSOutgoing(_FLAGS_QR_QUERY, multicast=False, id_=4711)
question.add_question(DNSQuestion(name, _TYPE_PTR, _CLASS_IN))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
sender.settimeout(float(seconds))
sender.sendto(question.packets()[0], ("224.0.0.251", 5353))
answer = DNSIncoming(sender.recv(9000))
print(
    json.dumps(
        {
            "id": answer.id,
            "questions": [each.name for each in answer.questions],
            "records": [[type(each).__name__, each.name, each.ttl, each.unique] for each in answer.answers],
        }
    )
)
