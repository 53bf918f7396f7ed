using System.Management.Automation;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>
/// Runs a cmdlet's asynchronous work off the pipeline thread, while the pipeline thread writes what the work
/// hands over: PowerShell lets no other thread write. Nothing returns before the work has ended, so that a COPY
/// is rolled back by the time the prompt is back.
/// </summary>
public abstract class CitusCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Runs the work to its end. A failure ends the statement, as a <see cref="CitusException"/>.</summary>
    /// <param name="work">Given where to write and a token that Ctrl+C cancels.</param>
    private protected void Run(Func<CmdletOutput, CancellationToken, Task> work, object? target = null)
    {
        try
        {
            Pump(work);
        }
        catch (Exception e) when (e is not PipelineStoppedException and not RuntimeException)
        {
            ThrowTerminatingError(CitusErrorRecord.From(e, target));
        }
    }

    /// <summary>Runs the work on one of several inputs. A failure is written, and the next input has its turn.</summary>
    private protected void RunEach(Func<CmdletOutput, CancellationToken, Task> work, object? target = null)
    {
        try
        {
            Pump(work);
        }
        catch (Exception e) when (e is not PipelineStoppedException and not RuntimeException)
        {
            WriteError(CitusErrorRecord.From(e, target));
        }
    }

    /// <summary>Cancels the work, and nothing more: the pump waits for its end.</summary>
    protected override void StopProcessing() => _stop.Cancel();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) _stop.Dispose();
    }

    /// <summary>Starts work that goes on while further input comes; the caller ends and disposes it.</summary>
    private protected BackgroundWork Start(Func<CmdletOutput, CancellationToken, Task> work) => new(work, _stop.Token);

    private protected bool IsStopping => _stop.IsCancellationRequested;

    private void Pump(Func<CmdletOutput, CancellationToken, Task> work)
    {
        using BackgroundWork background = Start(work);
        try
        {
            background.WriteToEnd(this);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }
}
