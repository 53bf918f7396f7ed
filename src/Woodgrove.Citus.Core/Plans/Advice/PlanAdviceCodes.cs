namespace Woodgrove.Citus.Plans.Advice;

/// <summary>The codes of <see cref="PlanAdvice"/>.</summary>
public static class PlanAdviceCodes
{
    public const string RepartitionJoin = "RepartitionJoin";
    public const string PulledToCoordinator = "PulledToCoordinator";
    public const string IntermediateResultMoved = "IntermediateResultMoved";
    public const string NoDistributionFilter = "NoDistributionFilter";
    public const string DistributionColumnExpression = "DistributionColumnExpression";
    public const string JoinTypeMismatch = "JoinTypeMismatch";
    public const string RowsPulledForAggregate = "RowsPulledForAggregate";
    public const string InsertSelectNotPushedDown = "InsertSelectNotPushedDown";
    public const string FragmentNotRepresentative = "FragmentNotRepresentative";
    public const string DeepOffset = "DeepOffset";
    public const string ValuesNotInList = "ValuesNotInList";
    public const string LocalTableCreated = "LocalTableCreated";
}
