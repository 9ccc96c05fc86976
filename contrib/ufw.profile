# For /etc/ufw/applications.d/stdpop3d: "ufw allow stdpop3d-tls", say, or
# "ufw allow from 192.168.0.0/16 to any app stdpop3d".
[stdpop3d]
title=POP3
description=stdpop3d, passwords without TLS only from where it allows them
ports=110/tcp

[stdpop3d-tls]
title=POP3 over TLS
description=stdpop3d behind a front that does TLS
ports=995/tcp
