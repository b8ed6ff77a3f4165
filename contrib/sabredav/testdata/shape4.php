<?php
// What of sabre/dav 4.x the class meets, by name and by type. It does nothing but
// call the class.

namespace Sabre\DAV {
    class Server
    {
    }
    class Exception extends \Exception
    {
        public function getHTTPCode()
        {
            return 500;
        }
        public function getHTTPHeaders(Server $server)
        {
            return [];
        }
    }
}

namespace Sabre\DAV\Exception {
    class ServiceUnavailable extends \Sabre\DAV\Exception
    {
        public function getHTTPCode()
        {
            return 503;
        }
    }
}

namespace Sabre\DAV\Auth\Backend {
    use Sabre\HTTP\RequestInterface;
    use Sabre\HTTP\ResponseInterface;

    interface BackendInterface
    {
        public function check(RequestInterface $request, ResponseInterface $response);
        public function challenge(RequestInterface $request, ResponseInterface $response);
    }

    abstract class AbstractBasic implements BackendInterface
    {
        protected $realm = 'sabre/dav';
        protected $principalPrefix = 'principals/';

        abstract protected function validateUserPass($username, $password);

        public function setRealm($realm)
        {
            $this->realm = $realm;
        }

        public function check(RequestInterface $request, ResponseInterface $response)
        {
            list($user, $password) = $request->pair;
            if (!$this->validateUserPass($user, $password)) {
                return [false, 'refused'];
            }
            return [true, $this->principalPrefix . $user];
        }

        public function challenge(RequestInterface $request, ResponseInterface $response)
        {
        }
    }
}
