using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Operations;

/// <summary>Shows how far a change is, with the bytes copied and the time left where Citus tells them.</summary>
internal sealed class ChangeProgressBar(CmdletOutput output)
{
    private const int Id = 1;
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    public void Show(ChangeProgress progress)
    {
        var record = new ProgressRecord(Id, progress.Change.Action, progress.Change.Sql.Count == 1 ? "Running"
            : $"Statement {progress.Statement} of {progress.Change.Sql.Count}")
        { CurrentOperation = progress.Change.Sql[Math.Min(progress.Statement, progress.Change.Sql.Count) - 1] };
        if (progress is { SizeBytes: > 0 and { } size, CopiedBytes: > 0 and { } copied })
        {
            record.StatusDescription = $"{progress.Phase}: {copied:N0} of {size:N0} bytes";
            record.PercentComplete = (int)Math.Min(100, copied * 100 / size);
            if (copied < size && progress.Statement == 1) record.SecondsRemaining = (int)(_watch.Elapsed.TotalSeconds * (size - copied) / copied);
        }
        output.Progress(record);
    }

    public void End() => output.Progress(new ProgressRecord(Id, "Change", "Done") { RecordType = ProgressRecordType.Completed });
}
