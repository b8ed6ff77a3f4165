<?php
// Calendars and contacts by sabre/dav 1.8 (Debian's php-sabre-dav), for people
// who log in with an app password. Where 4.x differs, the line says so.

// A warning in the answer would be no calendar; php-fpm's log has it all the same.
ini_set('display_errors', '0');
date_default_timezone_set('UTC');

require_once 'Sabre/autoload.php'; // 4.x: __DIR__ . '/vendor/autoload.php'
require_once __DIR__ . '/SabreAuth.php';

$pdo = new PDO('sqlite:/var/lib/sabredav/db.sqlite');
$pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$pdo->setAttribute(PDO::ATTR_TIMEOUT, 10);

$auth = new Sallyport\SabreAuth('dav', '/run/sallyport/check.sock', function ($login) use ($pdo) {
    // Whoever is let in for the first time becomes a principal, with the two
    // groups of sabre's calendar sharing; calendars are made by the programs.
    $known = $pdo->prepare('SELECT 1 FROM principals WHERE uri = ?');
    $known->execute(["principals/$login"]);
    if ($known->fetchColumn()) {
        return;
    }
    $add = $pdo->prepare('INSERT OR IGNORE INTO principals (uri, displayname) VALUES (?, ?)');
    foreach (['', '/calendar-proxy-read', '/calendar-proxy-write'] as $part) {
        $add->execute(["principals/$login$part", $login]);
    }
});

$principals = new Sabre\DAVACL\PrincipalBackend\PDO($pdo);
$server = new Sabre\DAV\Server([
    new Sabre\CalDAV\Principal\Collection($principals),
    new Sabre\CalDAV\CalendarRootNode($principals, new Sabre\CalDAV\Backend\PDO($pdo)), // 4.x: CalendarRoot
    new Sabre\CardDAV\AddressBookRoot($principals, new Sabre\CardDAV\Backend\PDO($pdo)),
]);
$server->setBaseUri('/');

$server->addPlugin(new Sabre\DAV\Auth\Plugin($auth, 'calendar')); // 4.x: 'calendar' by $auth->setRealm()
// Without this one everybody could read everybody's calendars; without its
// setting, the names that are in them.
$acl = new Sabre\DAVACL\Plugin();
$acl->hideNodesFromListings = true;
$server->addPlugin($acl);
$server->addPlugin(new Sabre\CalDAV\Plugin());
$server->addPlugin(new Sabre\CardDAV\Plugin());
$server->exec();
