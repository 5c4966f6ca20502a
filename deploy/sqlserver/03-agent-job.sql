-- Jobs of SQL Server Agent, one for each view: each exports it and stages it, on the fifth day of each month from 06:00. A
-- job can be run again at any time: load.ps1 does nothing where the extract has not changed.
--
-- One job a dataset, rather than one with many steps: a job that goes on after a failed step ends in success. So a dataset
-- that cannot be loaded keeps no other from it, and its own job fails and says so in the Windows event log.
--
-- Replace the database, the folders and the proxy. The proxy runs the jobs as TRUST\svc-evensum, the account of
-- 02-read-only-role.sql; without one the steps would run as Agent itself, which may do far more.

USE msdb;
GO
DECLARE @datasets TABLE (number int IDENTITY(0, 1), dataset sysname);
INSERT INTO @datasets (dataset)
VALUES (N'rtt_open_pathway'), (N'outpatient_appointment'), (N'ae_attendance'), (N'admitted_spell');

DECLARE @number int = 0, @last int = (SELECT MAX(number) FROM @datasets);
DECLARE @dataset sysname, @name sysname, @command nvarchar(max), @start int, @job uniqueidentifier;
WHILE @number <= @last
BEGIN
    SELECT @dataset = dataset FROM @datasets WHERE number = @number;
    SET @name = N'Evensum: load ' + @dataset;
    SET @command = N'powershell.exe -NoProfile -ExecutionPolicy RemoteSigned -File "D:\evensum\load.ps1" -Server "$(ESCAPE_DQUOTE(SRVR))" -Database Warehouse -Dataset '
        + @dataset;
    -- Ten minutes apart, as HHMMSS: the node takes one load at a time.
    SET @start = (6 + @number / 6) * 10000 + @number % 6 * 1000;
    -- Otherwise the job before would be meant.
    SET @job = NULL;

    EXEC dbo.sp_add_job
        @job_name = @name,
        @description = N'Exports a view of schema evensum and stages it at the node. Nothing is answered from an extract before evensum node publish.',
        @notify_level_eventlog = 2,
        @job_id = @job OUTPUT;
    EXEC dbo.sp_add_jobstep
        @job_id = @job,
        @step_name = @dataset,
        @subsystem = N'CmdExec',
        @command = @command,
        @cmdexec_success_code = 0,
        -- Quit with success; quit with failure.
        @on_success_action = 1,
        @on_fail_action = 2,
        -- 69: the database or the node is busy.
        @retry_attempts = 3,
        @retry_interval = 10,
        @proxy_name = N'svc-evensum';
    EXEC dbo.sp_add_jobschedule
        @job_id = @job,
        @name = @name,
        @freq_type = 16,
        @freq_interval = 5,
        @freq_recurrence_factor = 1,
        @active_start_time = @start;
    EXEC dbo.sp_add_jobserver @job_id = @job;
    SET @number += 1;
END;
GO
