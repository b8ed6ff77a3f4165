<?php
// For /etc/davical/config.php.
$c->pg_connect[] = 'dbname=davical user=davical_app';
$c->system_name = 'Calendars and contacts';
$c->admin_email = 'calendars@example.org';

// A program for each request, which asks sallyport. DAViCal gives it no
// arguments, so it is a link that has the mode in its name; it asks for the
// service dav at /run/sallyport/check.sock.
require_once('drivers_pwauth_pam.php');
$c->authenticate_hook['call'] = 'PWAUTH_PAM_check';
$c->authenticate_hook['config'] = array(
    'path' => '/usr/local/bin/sallyport-check-pipe',
    // New people get login@example.org.
    'email_base' => 'example.org',
);
// Never true: then the passwords in DAViCal's own database let people in, too.
$c->authenticate_hook['optional'] = false;

// The program learns the client's address from its environment, and PHP puts it
// there only if it is told to.
putenv('IP=' . $_SERVER['REMOTE_ADDR']);
