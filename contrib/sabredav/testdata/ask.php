<?php
// Asks the class as often as told, as sabre/dav would, and prints what came of
// it, each time on a line of its own.
//
// Standard input is a request in JSON: times, shape (1 or 4), socket, service, user
// and password (both in base64), and server, which becomes $_SERVER. For 1 the class
// stands on the sabre/dav of Debian; for 4 on the classes below, which have the
// methods, parameters and types of 4.x that the class meets.

namespace Sabre\HTTP {
    interface RequestInterface
    {
    }
    interface ResponseInterface
    {
    }
}

namespace {
    error_reporting(E_ALL & ~E_DEPRECATED);
    $in = json_decode(stream_get_contents(STDIN), true);
    $user = base64_decode($in['user']);
    $password = base64_decode($in['password']);
    $_SERVER = $in['server'] + $_SERVER;
    if ($in['shape'] === 1) {
        require 'Sabre/autoload.php';
    } else {
        error_reporting(E_ALL);
        require __DIR__ . '/shape4.php';
    }
    set_error_handler(function ($number, $text) {
        if (error_reporting() & $number) {
            echo json_encode(['warning' => $text]);
            exit(1);
        }
    });
    require __DIR__ . '/../SabreAuth.php';

    class Request implements Sabre\HTTP\RequestInterface
    {
        public $pair;
    }
    class Response implements Sabre\HTTP\ResponseInterface
    {
    }

    for ($i = 0; $i < $in['times']; $i++) {
        $out = ['principal' => '', 'welcome' => '', 'code' => 0, 'error' => '', 'headers' => []];
        $begin = microtime(true);
        try {
            $auth = new Sallyport\SabreAuth($in['service'], $in['socket'], function ($login) use (&$out) {
                $out['welcome'] = $login;
            });
            if ($in['shape'] === 1) {
                $server = new Sabre\DAV\Server();
                $server->httpResponse = new class extends Sabre\HTTP\Response {
                    public function sendStatus($code)
                    {
                    }
                    public function setHeader($name, $value, $replace = true)
                    {
                    }
                };
                $server->httpRequest = new Sabre\HTTP\Request(['PHP_AUTH_USER' => $user, 'PHP_AUTH_PW' => $password]);
                $auth->authenticate($server, 'calendar');
                $out['principal'] = 'principals/' . $auth->getCurrentUser();
            } else {
                $server = new Sabre\DAV\Server();
                $request = new Request();
                $request->pair = [$user, $password];
                list($yes, $text) = $auth->check($request, new Response());
                $out['principal'] = $yes ? $text : '';
                $out['code'] = $yes ? 0 : 401;
            }
        } catch (Sabre\DAV\Exception $e) {
            $out['code'] = $e->getHTTPCode();
            $out['error'] = (string) $e;
            $out['headers'] = $e->getHTTPHeaders($server);
        } catch (InvalidArgumentException $e) {
            $out['code'] = -1;
        }
        $out['seconds'] = microtime(true) - $begin;
        echo json_encode($out, JSON_THROW_ON_ERROR | JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
    }
}
