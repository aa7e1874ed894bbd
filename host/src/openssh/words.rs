//! The words of `ssh -G`: which we honour, which mean nothing to us, and which are named because they are not honoured.

/// What is honoured.
pub(super) const HONOURED: &[&str] = &[
    "host",
    "hostname",
    "port",
    "user",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "pubkeyauthentication",
    "hostkeyalias",
    "userknownhostsfile",
    "globalknownhostsfile",
    "hashknownhosts",
    "connecttimeout",
    "serveraliveinterval",
    "serveralivecountmax",
    "proxyjump",
    "proxycommand",
    "revokedhostkeys",
];

/// What changes nothing for us: how ssh looks, shares its own connections, asks, or rests.
pub(super) const WITHOUT_MEANING: &[&str] = &[
    "batchmode",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapitrustdns",
    "ipqos",
    "localcommand",
    "loglevel",
    "logverbose",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "permitlocalcommand",
    "permitremoteopen",
    "proxyusefdpass",
    "rekeylimit",
    "requesttty",
    "sessiontype",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tcpkeepalive",
    "tunneldevice",
    "updatehostkeys",
    "verifyhostkeydns",
    "visualhostkey",
    "xauthlocation",
];

/// How words are written that we name.
const WRITTEN: &[&str] = &[
    "AddKeysToAgent",
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CASignatureAlgorithms",
    "CertificateFile",
    "Ciphers",
    "ConnectionAttempts",
    "DynamicForward",
    "ForwardAgent",
    "ForwardX11",
    "HostKeyAlgorithms",
    "HostbasedAcceptedAlgorithms",
    "HostbasedAuthentication",
    "KbdInteractiveAuthentication",
    "KexAlgorithms",
    "KnownHostsCommand",
    "LocalForward",
    "MACs",
    "PKCS11Provider",
    "PasswordAuthentication",
    "PreferredAuthentications",
    "PubkeyAcceptedAlgorithms",
    "RemoteCommand",
    "RemoteForward",
    "RequiredRSASize",
    "SecurityKeyProvider",
    "SendEnv",
    "SetEnv",
    "StrictHostKeyChecking",
    "Tunnel",
];

/// Writes a word as people know it.
pub(super) fn written(word: &str) -> String {
    let known = WRITTEN.iter().find(|it| it.eq_ignore_ascii_case(word));
    known.map_or_else(|| word.to_owned(), |it| (*it).to_owned())
}

/// Says whether every distribution sets it so: then nobody meant anything by it.
pub(super) fn is_stock(word: &str, value: &str) -> bool {
    match word {
        "sendenv" => ["LANG", "LC_*", "COLORTERM", "NO_COLOR"].contains(&value),
        // Ours is the strict reading: a person accepts what is new.
        "stricthostkeychecking" => ["ask", "true", "yes"].contains(&value),
        _ => false,
    }
}
