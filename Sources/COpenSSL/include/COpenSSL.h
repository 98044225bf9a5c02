#include <features.h>
#include <openssl/ssl.h>
