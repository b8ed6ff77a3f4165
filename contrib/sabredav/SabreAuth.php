<?php
// SPDX-License-Identifier: Apache-2.0

namespace Sallyport;

use Sabre\DAV\Auth\Backend\AbstractBasic;
use Sabre\DAV\Exception\ServiceUnavailable;
use Sabre\DAV\Server;

/**
 * sabre/dav asks sallyport whether a login and an app password are right.
 *
 * One file for sabre/dav 1.8 (Debian's php-sabre-dav) and for 3.x and 4.x; it
 * needs PHP 7.3 or later with mbstring. It asks GET /v1/auth on the
 * daemon's check socket for every request and keeps nothing: a revoked app
 * password is dead at once.
 *
 *     $auth = new Sallyport\SabreAuth('dav', '/run/sallyport/check.sock');
 *
 * Yes and no are the daemon's. Everything else, an outage above all, is an
 * exception that becomes a 503, which a calendar program tries again, where a 401
 * would make it ask for another password.
 */
class SabreAuth extends AbstractBasic
{
    /**
     * Seconds for the whole question, however slowly the answer comes; the
     * daemon needs no more.
     */
    const TIME_LIMIT = 4;

    /** Bytes; what is longer is no answer of the daemon's. */
    const LONGEST_ANSWER = 16384;
    const LONGEST_LOGIN = 256;

    /** A whole answer: its status, the lines of its head, and what is behind them. */
    const ANSWER = '/\AHTTP\/1\.1 ([0-9]{3})(?: [\t -~\x80-\xff]*+)?\r\n'
        . '((?:[!#$%&\'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+\r\n)*+)\r\n(.*)\z/s';

    private $service;
    private $socket;
    private $welcome;
    private $login;

    /**
     * @param string        $service the service to ask for
     * @param string        $socket  path of the daemon's check socket
     * @param callable|null $welcome is called with the login of everybody who is
     *                               let in, before sabre looks at its tree
     */
    public function __construct($service = 'dav', $socket = '/run/sallyport/check.sock', $welcome = null)
    {
        if (!preg_match('/\A[a-z0-9_.-]+\z/', $service)) {
            throw new \InvalidArgumentException('that is no name of a service');
        }
        $this->service = $service;
        $this->socket = $socket;
        $this->welcome = $welcome;
    }

    /** sabre/dav 1.8 asks here who is logged in. */
    public function getCurrentUser()
    {
        return $this->login;
    }

    /** sabre/dav 3 and later wants the principal as soon as it has asked. */
    public function check($request, $response)
    {
        $result = parent::check($request, $response);
        return $result[0] ? [true, $this->principalPrefix . $this->login] : $result;
    }

    // What is in the parameters would be in the trace of an exception. An older
    // PHP reads the lines with # as comments.
    protected function validateUserPass(
        $username,
        #[\SensitiveParameter]
        $password
    ) {
        $this->login = null;
        $pair = $username . ':' . $password;
        if (!mb_check_encoding($pair, 'UTF-8')) {
            // Some programs can send nothing else. The daemon reads it alike.
            $pair = mb_convert_encoding($pair, 'UTF-8', 'ISO-8859-1');
            $username = mb_convert_encoding($username, 'UTF-8', 'ISO-8859-1');
        }
        // A colon would move the border to the password. With a slash somebody
        // could be another principal: alice/calendar-proxy-write.
        if ($username === '' || strpbrk($username, ':/') !== false) {
            return false;
        }
        list($status, $login) = $this->ask($pair);
        if ($status === 401) {
            return false;
        }
        if ($status !== 204 || $login === '') {
            throw new SallyportUnavailable("sallyport answers with status $status");
        }
        // To sabre Alice and alice are two people with two calendars, and what
        // was typed is in the addresses that the program goes on with.
        if ($login !== $username) {
            return false;
        }
        $this->login = $login;
        if ($this->welcome) {
            call_user_func($this->welcome, $login);
        }
        return true;
    }

    /** Returns the status and the canonical login, which is "" where there is none. */
    private function ask(
        #[\SensitiveParameter]
        $pair
    ) {
        $headers = [
            'Authorization: Basic ' . base64_encode($pair),
            'X-Sallyport-Service: ' . $this->service,
        ];
        // Nothing of the client's goes into a header as it is: a line break in it
        // would begin another header.
        $address = isset($_SERVER['REMOTE_ADDR']) ? $_SERVER['REMOTE_ADDR'] : '';
        if (filter_var($address, FILTER_VALIDATE_IP)) {
            $headers[] = 'X-Forwarded-For: ' . $address;
        }
        $agent = isset($_SERVER['HTTP_USER_AGENT']) ? $_SERVER['HTTP_USER_AGENT'] : '';
        if (preg_match('/\A[\x21-\x7e][\x20-\x7e]{0,255}\z/', $agent)) {
            $headers[] = 'User-Agent: ' . $agent;
        }
        return $this->read($this->exchange($headers));
    }

    /** Asks, and returns all that comes until the daemon closes the connection. */
    private function exchange(
        #[\SensitiveParameter]
        array $headers
    ) {
        $lines = array_merge(['GET /v1/auth HTTP/1.1', 'Host: sallyport', 'Connection: close'], $headers);
        $deadline = hrtime(true) + static::TIME_LIMIT * 1000000000;
        // Where the queue is full this fails at once.
        $connection = @stream_socket_client('unix://' . $this->socket, $number, $why, static::TIME_LIMIT);
        if (!$connection) {
            throw new SallyportUnavailable("sallyport gives no answer at $this->socket: $why");
        }
        try {
            stream_set_timeout($connection, static::TIME_LIMIT);
            @fwrite($connection, implode("\r\n", $lines) . "\r\n\r\n"); // if it fails, so does reading
            $answer = '';
            while (strlen($answer) <= self::LONGEST_ANSWER) {
                $left = intdiv($deadline - hrtime(true), 1000);
                if ($left <= 0) {
                    throw new SallyportUnavailable("sallyport gives no answer at $this->socket in time");
                }
                stream_set_timeout($connection, intdiv($left, 1000000), $left % 1000000);
                $piece = @fread($connection, self::LONGEST_ANSWER);
                if (stream_get_meta_data($connection)['timed_out']) {
                    continue;
                }
                if ($piece === false || $piece === '') {
                    return $answer;
                }
                $answer .= $piece;
            }
        } finally {
            fclose($connection);
        }
        throw new SallyportUnavailable("the answer at $this->socket is too long");
    }

    /**
     * Returns the status and the canonical login of an answer. Half an answer
     * could name half a login, so what is not whole is none.
     */
    private function read($answer)
    {
        if (!preg_match(self::ANSWER, $answer, $whole)) {
            throw new SallyportUnavailable("what comes from $this->socket is no whole answer");
        }
        list(, $status, $head, $body) = $whole;
        $said = [];
        foreach (explode("\r\n", $head, -1) as $line) {
            list($name, $value) = explode(':', $line, 2);
            $said[strtolower($name)][] = trim($value, " \t");
        }
        $length = isset($said['content-length']) ? $said['content-length'] : ['0'];
        if ($length !== [(string) strlen($body)] || isset($said['transfer-encoding']) || $status === '204' && $body !== '') {
            throw new SallyportUnavailable("the answer at $this->socket has not the length that it says");
        }
        $logins = isset($said['x-sallyport-user']) ? $said['x-sallyport-user'] : [''];
        if (
            count($logins) !== 1 || strlen($logins[0]) > self::LONGEST_LOGIN
            || strpos($logins[0], "\t") !== false || !mb_check_encoding($logins[0], 'UTF-8')
        ) {
            throw new SallyportUnavailable("the answer at $this->socket names no login, but something else");
        }
        return [(int) $status, $logins[0]];
    }
}

/** There was neither a yes nor a no: 503, and come back later. */
class SallyportUnavailable extends ServiceUnavailable
{
    public function getHTTPHeaders(Server $server)
    {
        return ['Retry-After' => '30'];
    }
}
