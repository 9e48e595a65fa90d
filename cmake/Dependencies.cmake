# Every library that the project stands on, found in one place. What is absent is named together with Debian's package.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(df_need target module package)
  pkg_check_modules(${target} IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "${module} was not found. On Debian: apt-get install ${package} (or `make deps`)")
  endif()
endfunction()

df_need(NETTLE nettle nettle-dev)           # SHA-256
df_need(JANSSON jansson libjansson-dev)     # JSON
df_need(SQLITE sqlite3 libsqlite3-dev)       # galleries
df_need(EXPAT expat libexpat1-dev)         # XML, for cascades
df_need(JPEG libjpeg libjpeg62-turbo-dev)   # JPEG, by libjpeg-turbo
df_need(SPNG spng libspng-dev)              # PNG
df_need(WEBP libwebp libwebp-dev)           # WebP
# Convolutions and matrix products. Debian's dnnl-config.cmake asks for OpenCL's headers, which the C API for CPUs does not need:
# the library is looked for by hand.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.h)
find_library(DNNL_LIBRARY dnnl)
if(NOT DNNL_INCLUDE_DIR OR NOT DNNL_LIBRARY)
  message(FATAL_ERROR "oneDNN was not found. On Debian: apt-get install libdnnl-dev (or `make deps`)")
endif()
add_library(DNNL::dnnl UNKNOWN IMPORTED GLOBAL)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
file(STRINGS ${DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h DNNL_MAJOR REGEX "^#define DNNL_VERSION_MAJOR +[0-9]+")
string(REGEX REPLACE "[^0-9]" "" DNNL_MAJOR "${DNNL_MAJOR}")
if(NOT DNNL_MAJOR MATCHES "^[23]$")
  message(FATAL_ERROR "${DNNL_LIBRARY} is oneDNN ${DNNL_MAJOR}; 2 and 3 are known")
endif()

# Formats that a small build may leave out: the decoder then answers DF_E_UNSUPPORTED and names the library.
option(DF_WITH_GIF "decode GIF (giflib)" ON)
option(DF_WITH_TIFF "decode TIFF (libtiff)" ON)
if(DF_WITH_GIF)
  find_package(GIF QUIET)
  if(NOT GIF_FOUND)
    message(FATAL_ERROR "giflib was not found. On Debian: apt-get install libgif-dev; or configure with -DDF_WITH_GIF=OFF")
  endif()
endif()
if(DF_WITH_TIFF)
  df_need(TIFF libtiff-4 libtiff-dev)
endif()

# Fetching weights (`models pull`). Both are loaded when they are first needed, so a program that fetches nothing does not pay for them: the
# headers are enough to build. Without them the rest works, and pull answers DF_E_UNSUPPORTED.
option(DF_WITH_CURL "fetch weights from their addresses (libcurl)" ON)
option(DF_WITH_ARCHIVE "unpack weights that are served packed (libarchive)" ON)
function(df_want_header option header package variable)
  if(${option})
    find_path(${variable} ${header})
    if(NOT ${variable})
      message(FATAL_ERROR "${header} was not found. On Debian: apt-get install ${package} (or `make deps`); or configure with -D${option}=OFF")
    endif()
  endif()
endfunction()
df_want_header(DF_WITH_CURL curl/curl.h libcurl4-openssl-dev DF_CURL_INCLUDE_DIR)
df_want_header(DF_WITH_ARCHIVE archive.h libarchive-dev DF_ARCHIVE_INCLUDE_DIR)

if(DF_TESTS)
  df_need(CMOCKA cmocka libcmocka-dev)
endif()
