/* COpenSSL: see COpenSSL.h */
