# Third-party libraries, all linked statically: the product needs only the system's C library.
# deploy/setup installs or builds each of them.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(OPENSSL_USE_STATIC_LIBS ON)
set(Boost_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(absl CONFIG REQUIRED)
# Debian's package files of Abseil and yaml-cpp name shared objects; the archives lie beside them.
get_property(_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(_target IN LISTS _targets)
  if(_target MATCHES "^absl::|^yaml-cpp$")
    get_target_property(_location ${_target} IMPORTED_LOCATION_NONE)
    if(_location)
      string(REGEX REPLACE "\\.so.*$" ".a" _location "${_location}")
      set_target_properties(${_target} PROPERTIES IMPORTED_LOCATION_NONE "${_location}" IMPORTED_SONAME_NONE "")
    endif()
  endif()
endforeach()

# millrace_archive(name LIBRARY archive HEADER file [ROOT dir]): an imported static library, or a clear stop.
function(millrace_archive name)
  cmake_parse_arguments(ARG "" "LIBRARY;HEADER;ROOT" "" ${ARGN})
  string(TOUPPER ${name} upper)
  find_library(${upper}_ARCHIVE NAMES ${ARG_LIBRARY} HINTS ${ARG_ROOT}/lib)
  find_path(${upper}_INCLUDE ${ARG_HEADER} HINTS ${ARG_ROOT}/include)
  if(NOT ${upper}_ARCHIVE OR NOT ${upper}_INCLUDE)
    message(FATAL_ERROR "${name}: ${ARG_LIBRARY} or ${ARG_HEADER} not found; run deploy/setup first")
  endif()
  add_library(third_party_${name} STATIC IMPORTED GLOBAL)
  set_target_properties(third_party_${name} PROPERTIES IMPORTED_LOCATION ${${upper}_ARCHIVE}
                        INTERFACE_INCLUDE_DIRECTORIES ${${upper}_INCLUDE})
  add_library(third_party::${name} ALIAS third_party_${name})
endfunction()

millrace_archive(uring LIBRARY liburing.a HEADER liburing.h)
millrace_archive(xxhash LIBRARY libxxhash.a HEADER xxhash.h)
# libpq with what its archive leaves out. Built by deploy/setup without Kerberos and LDAP.
millrace_archive(libpq LIBRARY libpq.a HEADER libpq-fe.h ROOT ${MILLRACE_DEPS}/libpq)
set_property(TARGET third_party_libpq APPEND PROPERTY INTERFACE_LINK_LIBRARIES
  ${MILLRACE_DEPS}/libpq/lib/libpgcommon_shlib.a ${MILLRACE_DEPS}/libpq/lib/libpgport_shlib.a OpenSSL::SSL OpenSSL::Crypto)
# librdkafka with its HTTP client inside, built by deploy/setup; what it compresses with is Debian's.
millrace_archive(rdkafka LIBRARY librdkafka.a HEADER librdkafka/rdkafka.h ROOT ${MILLRACE_DEPS}/rdkafka)
millrace_archive(jemalloc LIBRARY libjemalloc.a HEADER jemalloc/jemalloc.h)
millrace_archive(zstd LIBRARY libzstd.a HEADER zstd.h)
millrace_archive(lz4 LIBRARY liblz4.a HEADER lz4frame.h)
millrace_archive(zlib LIBRARY libz.a HEADER zlib.h)
set_property(TARGET third_party_rdkafka APPEND PROPERTY INTERFACE_LINK_LIBRARIES OpenSSL::SSL OpenSSL::Crypto
  third_party::zstd third_party::lz4 third_party::zlib m Threads::Threads ${CMAKE_DL_LIBS})
add_library(millrace::rdkafka ALIAS third_party_rdkafka)

set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
find_package(GTest REQUIRED)
