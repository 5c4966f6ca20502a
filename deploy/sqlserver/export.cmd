@echo off
rem Writes one of the node's views to a file with bcp: tabs, no header, UTF-8, as the mappings expect.
rem
rem   export.cmd SERVER DATABASE DATASET FILE
rem   export.cmd sqlserver01 Warehouse rtt_open_pathway D:\evensum\extracts\rtt_open_pathway.txt
rem
rem Signs in as the Windows account that runs it (-T). Ends with bcp's own exit code; the file is only there when all of it
rem was written.
setlocal
if "%~4"=="" (
  echo usage: export.cmd SERVER DATABASE DATASET FILE 1>&2
  exit /b 64
)
set "PART=%~4.part"
bcp "%~2.evensum.%~3" out "%PART%" -S "%~1" -T -c -C 65001 -e "%~4.errors"
if errorlevel 1 (
  del /q "%PART%" "%~4.errors" 2>nul
  exit /b 69
)
rem bcp writes whole rows into its list of errors: it must not stay.
del /q "%~4.errors" 2>nul
move /y "%PART%" "%~4" >nul || exit /b 74
exit /b 0
