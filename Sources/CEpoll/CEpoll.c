/* CEpoll: see CEpoll.h */
#include "CEpoll.h"
