-- A job of SQL Server Agent that exports each view and stages it, on the fifth day of each month at 06:00. It can be run
-- again at any time: load.ps1 does nothing where the extract has not changed.
--
-- Replace the server, the database, the folders and the proxy. The proxy runs the job as TRUST\svc-evensum, the account of
-- 02-read-only-role.sql; without one the steps would run as Agent itself, which may do far more.

USE msdb;
GO
DECLARE @job uniqueidentifier;
DECLARE @datasets TABLE (step int IDENTITY(1, 1), dataset sysname);
INSERT INTO @datasets (dataset)
VALUES (N'rtt_open_pathway'), (N'outpatient_appointment'), (N'ae_attendance'), (N'admitted_spell');

EXEC dbo.sp_add_job
    @job_name = N'Evensum: load extracts',
    @description = N'Exports the views of schema evensum and stages them at the node. Nothing is answered from an extract before evensum node publish.',
    @notify_level_eventlog = 2,
    @job_id = @job OUTPUT;

DECLARE @step int = 1, @last int = (SELECT MAX(step) FROM @datasets), @dataset sysname, @command nvarchar(max), @next tinyint;
WHILE @step <= @last
BEGIN
    SELECT @dataset = dataset FROM @datasets WHERE step = @step;
    SET @command = N'powershell.exe -NoProfile -ExecutionPolicy RemoteSigned -File "D:\evensum\load.ps1" -Server "$(ESCAPE_DQUOTE(SRVR))" -Database Warehouse -Dataset '
        + @dataset;
    -- The next dataset is loaded whatever became of this one; each step's outcome stands in the job's history.
    SET @next = CASE WHEN @step = @last THEN 2 ELSE 3 END;
    EXEC dbo.sp_add_jobstep
        @job_id = @job,
        @step_name = @dataset,
        @step_id = @step,
        @subsystem = N'CmdExec',
        @command = @command,
        @cmdexec_success_code = 0,
        @on_success_action = 3,
        @on_fail_action = @next,
        -- 69: the database or the node is busy.
        @retry_attempts = 3,
        @retry_interval = 10,
        @proxy_name = N'svc-evensum';
    SET @step += 1;
END;
-- The last step ends the job well.
EXEC dbo.sp_update_jobstep @job_id = @job, @step_id = @last, @on_success_action = 1;

EXEC dbo.sp_add_jobschedule
    @job_id = @job,
    @name = N'Evensum: fifth of the month, 06:00',
    @freq_type = 16,
    @freq_interval = 5,
    @freq_recurrence_factor = 1,
    @active_start_time = 60000;
EXEC dbo.sp_add_jobserver @job_id = @job;
GO
