"""What python-zeroconf, another implementation of multicast DNS, hears of a service type: a line of JSON for each change."""

import json
import sys

from zeroconf import IPVersion, ServiceBrowser, Zeroconf

interface, service_type = sys.argv[1:]


class Listener:
    def _tell(self, change, zeroconf, kind, name):
        info = zeroconf.get_service_info(kind, name, 3000)
        print(
            json.dumps(
                {
                    "change": change,
                    "name": name.removesuffix("." + kind),
                    "port": info.port,
                    "server": info.server,
                    "addresses": info.parsed_addresses(),
                    "txt": {key.decode(): value.decode() for key, value in info.properties.items()},
                }
            ),
            flush=True,
        )

    def add_service(self, zeroconf, kind, name):
        self._tell("added", zeroconf, kind, name)

    def update_service(self, zeroconf, kind, name):
        self._tell("updated", zeroconf, kind, name)

    def remove_service(self, zeroconf, kind, name):
        print(json.dumps({"change": "removed", "name": name.removesuffix("." + kind)}), flush=True)


zeroconf = Zeroconf(interfaces=[interface], ip_version=IPVersion.V4Only)
ServiceBrowser(zeroconf, service_type + ".local.", Listener())
print(json.dumps({"change": "ready"}), flush=True)
sys.stdin.read()
zeroconf.close()
