/* banned - functions that are easy to misuse become compile errors (after
 * git's banned.h). Forced into every file by the Makefile. */
#ifndef BODEGA_BASE_BANNED_H
#define BODEGA_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison gmtime localtime ctime asctime atoi atol atof rand srand

#endif
