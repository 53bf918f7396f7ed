namespace Woodgrove.Citus.Reports;

/// <summary>A part of the page, from the facts to its markup.</summary>
internal abstract class Section(ReportFacts facts)
{
    protected ReportFacts Facts { get; } = facts;
    public abstract string Id { get; }
    public abstract string Heading { get; }
    public abstract bool HasContent { get; }
    public abstract void AddTo(Html html);
}
