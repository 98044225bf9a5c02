/* What the load generator needs of epoll: Swift's Glibc module leaves <sys/epoll.h> out. */
#include <features.h>
#include <sys/epoll.h>
